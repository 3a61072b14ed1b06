use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, BufRead};

use super::catalogue::{Catalogue, Entry};
use super::lines::Lines;
use super::shape::{Shape, shape};
use super::step::{Origin, Outcome, Tracker, cut};

/// More causes than anyone would read.
const MOST_CAUSES: usize = 5_000;

/// A known failure at one place of a build.
#[derive(Debug)]
pub(super) struct Cause<'c> {
    /// The entry; none where a step failed with words that nobody knows.
    pub(super) entry: Option<&'c Entry>,
    /// Which of its patterns matched.
    pattern: usize,
    /// The line of the log, from 1.
    pub(super) line: u64,
    /// That line, without what the builder puts before it.
    pub(super) text: String,
    pub(super) origin: Origin,
    /// Another cause at the same place explains more.
    pub(super) follows: bool,
    /// The step was stopped, and has not failed.
    pub(super) cancelled: bool,
}

/// What a log has.
#[derive(Debug)]
pub(super) struct Found<'c> {
    /// How many lines were read.
    pub(super) lines: u64,
    /// Root causes first.
    pub(super) causes: Vec<Cause<'c>>,
    pub(super) tracker: Tracker,
}

/// Reads a log to its end. Memory is bounded by what a build can have of steps
/// and causes, not by the length of the log.
pub(super) fn search<'c>(source: impl BufRead, catalogue: &'c Catalogue) -> io::Result<Found<'c>> {
    let mut tracker = Tracker::default();
    let mut seen: HashMap<(usize, Origin), Cause<'c>> = HashMap::new();
    let mut matched = Vec::new();
    let mut said: Option<(u64, String)> = None;
    let lines = Lines::new(source).each(|number, bytes| {
        let line = text(bytes);
        let shape = shape(&line);
        let Some((origin, words)) = tracker.follow(&shape) else {
            return;
        };
        let words = without_command(words);
        tracker.hint(&origin, number, &words);
        if origin == Origin::Outside && matches!(shape, Shape::Other(_)) && gives_up(&words) {
            said = Some((number, cut(words.trim()).to_owned()));
        }
        catalogue.find(words.as_bytes(), &mut matched);
        for (entry, pattern) in matched.drain(..) {
            let key = (entry, origin.clone());
            let better = seen.get(&key).is_none_or(|known| pattern < known.pattern);
            if better && (seen.len() < MOST_CAUSES || seen.contains_key(&key)) {
                let cause = Cause {
                    entry: Some(&catalogue.entries[entry]),
                    pattern,
                    line: number,
                    text: cut(words.trim()).to_owned(),
                    origin: origin.clone(),
                    follows: false,
                    cancelled: false,
                };
                seen.insert(key, cause);
            }
        }
    })?;
    tracker.end();
    let causes = rank(seen.into_values().collect(), said, &tracker);
    Ok(Found {
        lines,
        causes,
        tracker,
    })
}

impl Cause<'_> {
    /// The words of a named group of the pattern that matched, if they are
    /// harmless on a command line.
    pub(super) fn group(&self, name: &str) -> Option<String> {
        let captures = self.entry?.pattern(self.pattern)?;
        let captures = captures.captures(self.text.as_bytes())?;
        let words = std::str::from_utf8(captures.name(name)?.as_bytes()).ok()?;
        is_harmless(words).then(|| words.to_owned())
    }

    fn rank(&self) -> u32 {
        self.entry.map_or(0, |entry| entry.rank)
    }
}

/// Root causes before what follows from them; what failed before what was
/// stopped; nothing of steps that went well.
fn rank<'c>(
    mut causes: Vec<Cause<'c>>,
    said: Option<(u64, String)>,
    tracker: &Tracker,
) -> Vec<Cause<'c>> {
    let outcome = |origin: &Origin| match origin {
        Origin::Step(step) => Some(tracker.steps[*step].outcome),
        _ => None,
    };
    causes.retain(|cause| outcome(&cause.origin) != Some(Outcome::Done));
    // A build goes on without a cache source; an entry for that is a warning.
    causes.retain(|cause| match &cause.origin {
        Origin::Step(step) if tracker.steps[*step].is_optional() => {
            cause.entry.is_some_and(|entry| entry.warning)
        }
        _ => true,
    });
    for (step, known) in tracker.steps.iter().enumerate() {
        let origin = Origin::Step(step);
        if known.outcome == Outcome::Failed
            && !known.is_optional()
            && !causes.iter().any(|c| c.origin == origin)
        {
            let hint = known.hint.suspect.as_ref().or(known.hint.last.as_ref());
            let (line, text) = hint.cloned().unwrap_or_default();
            causes.push(unknown(origin, line, text));
        }
    }
    for service in &tracker.exited {
        let origin = Origin::Container(service.clone());
        if !causes.iter().any(|c| c.origin == origin) {
            let hint = tracker.containers.get(service).cloned().unwrap_or_default();
            let (line, text) = hint.suspect.or(hint.last).unwrap_or_default();
            causes.push(unknown(origin, line, text));
        }
    }
    // What a step says, client and engine say again.
    let in_steps: Vec<Option<*const Entry>> = causes
        .iter()
        .filter(|c| c.origin != Origin::Outside)
        .map(|c| c.entry.map(std::ptr::from_ref))
        .collect();
    causes.retain(|cause| {
        cause.origin != Origin::Outside || !in_steps.contains(&cause.entry.map(std::ptr::from_ref))
    });
    if let (true, Some((line, text))) = (causes.is_empty(), said) {
        causes.push(unknown(Origin::Outside, line, text));
    }
    for cause in &mut causes {
        cause.cancelled = outcome(&cause.origin) == Some(Outcome::Cancelled);
    }
    let warning = |c: &Cause<'_>| c.entry.is_some_and(|entry| entry.warning);
    causes.sort_by_key(|c| (c.cancelled, warning(c), std::cmp::Reverse(c.rank()), c.line));
    let mut places = Vec::new();
    causes.retain_mut(|cause| {
        cause.follows = places.contains(&cause.origin);
        if !cause.follows {
            places.push(cause.origin.clone());
        }
        !(cause.follows && cause.entry.is_some_and(|entry| entry.general))
    });
    causes
}

/// Whether words of a log may stand in a command to paste.
pub(super) fn is_harmless(words: &str) -> bool {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "._:/@+-".contains(c);
    !words.is_empty() && !words.starts_with('-') && words.chars().all(harmless)
}

fn unknown<'c>(origin: Origin, line: u64, text: String) -> Cause<'c> {
    Cause {
        entry: None,
        pattern: 0,
        line,
        text,
        origin,
        follows: false,
        cancelled: false,
    }
}

/// Lossy, and without a copy where the line is UTF-8.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Without the command that a builder repeats when it fails: what stands in a
/// command has not happened.
fn without_command(words: &str) -> Cow<'_, str> {
    let end = ["\" did not complete successfully", "\": "]
        .into_iter()
        .find_map(|end| Some((words.rfind(end)?, end)));
    if let (Some(start), Some((end, _))) = (words.find("process \""), end)
        && start < end
    {
        return Cow::Owned(format!("{}process{}", &words[..start], &words[end + 1..]));
    }
    Cow::Borrowed(words)
}

/// The line with which a client or an engine ends.
fn gives_up(words: &str) -> bool {
    let words = words.trim_start();
    [
        "ERROR: ",
        "Error response from daemon",
        "failed to solve",
        "Error: ",
        "error: ",
    ]
    .iter()
    .any(|start| words.starts_with(start))
}
