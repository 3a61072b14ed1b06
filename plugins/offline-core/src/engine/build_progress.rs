//! What a build does at this moment, as `buildx --progress rawjson` tells it.
//!
//! Plain progress shows one running step at a time and may hold back the start of
//! another for ten seconds; raw progress has every change when it happens. Each
//! status is one JSON object (`client.SolveStatus` of BuildKit): buildx 0.13 prints
//! it over many lines, 0.29 in one. Anything else is text, such as the last words
//! of a build that failed.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use serde::Deserialize;

use super::Step;
use super::build_log::parse_step;

/// The most bytes of one status; a longer one is passed over.
const LONGEST: usize = 16 << 20;

/// A change of one step, or of other work of the builder.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its digest; targets that share a step have the same.
    pub digest: String,
    /// What it is, e.g. `[api build 2/5] RUN make`; each target that shares a step
    /// has a change of its own with its own name.
    pub name: String,
    /// The name understood, where it is a step of a Dockerfile.
    pub step: Option<Step>,
    /// When it started, in the engine's clock. One that comes from the cache is
    /// marked so from its start on (`solver/jobs.go` of BuildKit).
    pub started: Option<SystemTime>,
    /// When it ended.
    pub completed: Option<SystemTime>,
    /// Whether it comes from the cache.
    pub cached: bool,
    /// Why it failed.
    pub error: Option<String>,
    /// Whether this is about the step itself, which names its inputs, and not about
    /// layers of its result that are brought from the cache (engine fact 42).
    pub of_step: bool,
}

impl Change {
    /// Whether a step runs, or ran, because no cache had it.
    pub fn runs(&self) -> bool {
        self.of_step && self.started.is_some() && !self.cached
    }
}

/// One thing read from raw progress.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Read {
    /// A change, with the number of its step in plain progress and whether it is the
    /// first target that shows it.
    Change(Change, u64, bool),
    /// A line as plain progress would print it.
    Line(String),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    vertexes: Option<Vec<Vertex>>,
    statuses: Option<Vec<Work>>,
    logs: Option<Vec<Log>>,
}

#[derive(Deserialize)]
struct Vertex {
    digest: String,
    #[serde(default)]
    name: String,
    started: Option<jiff::Timestamp>,
    completed: Option<jiff::Timestamp>,
    #[serde(default)]
    cached: bool,
    #[serde(default)]
    error: String,
    inputs: Option<Vec<serde::de::IgnoredAny>>,
}

#[derive(Deserialize)]
struct Work {
    #[serde(default)]
    id: String,
    vertex: String,
    completed: Option<jiff::Timestamp>,
}

#[derive(Deserialize)]
struct Log {
    vertex: String,
    #[serde(default)]
    data: String,
    timestamp: jiff::Timestamp,
}

/// Reads raw progress line by line.
#[derive(Debug, Default)]
pub(super) struct RawProgress {
    /// An object that has begun and not ended.
    begun: String,
    /// The number, first name and start of each digest.
    known: BTreeMap<String, Known>,
    /// The numbers of further names of a digest.
    others: BTreeMap<(String, String), u64>,
    count: u64,
}

#[derive(Debug, Default)]
struct Known {
    number: u64,
    name: String,
    started: Option<SystemTime>,
    /// What was printed without an end of line.
    partial: String,
}

impl RawProgress {
    /// Takes a line and hands on what it completes.
    pub(super) fn read_line(&mut self, line: &str, on: &mut dyn FnMut(Read)) {
        if self.begun.is_empty() {
            if !line.starts_with('{') {
                on(Read::Line(line.to_owned()));
                return;
            }
            if self.read_status(line, on) {
                return;
            }
        }
        if self.begun.len() + line.len() > LONGEST {
            self.begun.clear();
            return;
        }
        self.begun.push_str(line);
        self.begun.push('\n');
        // Only the end of the whole object stands at the start of its line.
        if line == "}" {
            let text = std::mem::take(&mut self.begun);
            if !self.read_status(&text, on) {
                text.lines().for_each(|l| on(Read::Line(l.to_owned())));
            }
        }
    }

    fn read_status(&mut self, text: &str, on: &mut dyn FnMut(Read)) -> bool {
        let Ok(status) = serde_json::from_str::<Status>(text) else {
            return false;
        };
        for vertex in status.vertexes.unwrap_or_default() {
            self.vertex(vertex, on);
        }
        for work in status.statuses.unwrap_or_default() {
            if work.completed.is_some()
                && let Some(known) = self.known.get(&work.vertex)
            {
                on(Read::Line(format!("#{} {} done", known.number, work.id)));
            }
        }
        for log in status.logs.unwrap_or_default() {
            self.log(&log, on);
        }
        true
    }

    fn vertex(&mut self, vertex: Vertex, on: &mut dyn FnMut(Read)) {
        let change = Change {
            step: parse_step(&vertex.name),
            started: vertex.started.map(SystemTime::from),
            completed: vertex.completed.map(SystemTime::from),
            cached: vertex.cached,
            error: (!vertex.error.is_empty()).then_some(vertex.error),
            of_step: vertex.inputs.is_some_and(|inputs| !inputs.is_empty()),
            digest: vertex.digest,
            name: vertex.name,
        };
        // What has not begun is not printed, as in plain progress.
        if change.started.is_none() {
            return;
        }
        let count = &mut self.count;
        let mut next = || {
            *count += 1;
            *count
        };
        let known = self
            .known
            .entry(change.digest.clone())
            .or_insert_with(|| Known {
                number: next(),
                name: change.name.clone(),
                ..Known::default()
            });
        known.started = change.started;
        let first = known.name == change.name;
        let number = if first {
            known.number
        } else {
            let key = (change.digest.clone(), change.name.clone());
            *self.others.entry(key).or_insert_with(next)
        };
        on(Read::Change(change, number, first));
    }

    fn log(&mut self, log: &Log, on: &mut dyn FnMut(Read)) {
        let Some(known) = self.known.get_mut(&log.vertex) else {
            return;
        };
        let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(&log.data) else {
            return;
        };
        let at = SystemTime::from(log.timestamp);
        let since = known.started.and_then(|s| at.duration_since(s).ok());
        known.partial.push_str(&String::from_utf8_lossy(&bytes));
        while let Some(end) = known.partial.find('\n') {
            let line: String = known.partial.drain(..=end).collect();
            // Of a bar that is drawn over itself, the last state is the line.
            let line = line.trim_end();
            let line = line.rsplit('\r').next().unwrap_or(line);
            on(Read::Line(format!(
                "#{} {} {line}",
                known.number,
                seconds(since.unwrap_or_default()),
            )));
        }
        // A progress bar that never ends its line is no line.
        if known.partial.len() > 8192 {
            known.partial.clear();
        }
    }
}

/// Seconds in five characters, as plain progress has them.
fn seconds(time: Duration) -> String {
    let mut text = format!("{:.3}", time.as_secs_f64());
    text.truncate(5);
    text
}

/// The lines that plain progress prints for a change; nothing where it only says
/// again what was said.
pub(super) fn plain(change: &Change, number: u64, printed: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let is_from = |step: &Step| step.instruction.starts_with("FROM ");
    if !change.of_step && change.step.as_ref().is_some_and(|step| !is_from(step)) {
        return lines;
    }
    if !printed {
        lines.push(format!("#{number} {}", change.name));
    }
    let (Some(started), Some(completed)) = (change.started, change.completed) else {
        return lines;
    };
    lines.push(match &change.error {
        Some(error) if error.ends_with("context canceled") => format!("#{number} CANCELED"),
        Some(error) => format!("#{number} ERROR: {error}"),
        None if change.cached => format!("#{number} CACHED"),
        None => {
            let took = completed.duration_since(started).unwrap_or_default();
            format!("#{number} DONE {:.1}s", took.as_secs_f64())
        }
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNS: &str = r#"{"vertexes":[{"digest":"sha256:1","inputs":["sha256:0"],"name":"[api build 2/3] RUN make","started":"2026-01-02T03:04:05.5Z"}]}"#;

    fn read(text: &str) -> Vec<Read> {
        let mut progress = RawProgress::default();
        let mut all = Vec::new();
        text.lines()
            .for_each(|line| progress.read_line(line, &mut |read| all.push(read)));
        all
    }

    fn changes(text: &str) -> Vec<(String, u64, bool, bool)> {
        let of = |read| match read {
            Read::Change(c, number, first) => Some((c.name.clone(), number, first, c.runs())),
            Read::Line(_) => None,
        };
        read(text).into_iter().filter_map(of).collect()
    }

    #[test]
    fn a_status_may_stand_in_one_line_or_in_many() {
        let pretty: serde_json::Value = serde_json::from_str(RUNS).unwrap();
        let pretty = serde_json::to_string_pretty(&pretty).unwrap();
        let expected = [("[api build 2/3] RUN make".to_owned(), 1, true, true)];
        assert_eq!(changes(RUNS), expected);
        assert_eq!(changes(&pretty), expected);
    }

    #[test]
    fn what_has_not_started_is_no_change_and_what_is_cached_does_not_run() {
        let waits = r#"{"vertexes":[{"digest":"sha256:1","name":"a"}]}"#;
        assert_eq!(changes(waits), []);
        let cached = RUNS.replace(r#"5.5Z""#, r#"5.5Z","cached":true"#);
        assert!(!changes(&cached)[0].3);
        let layers_come = RUNS.replace(r#""inputs":["sha256:0"],"#, "");
        assert!(!changes(&layers_come)[0].3);
    }

    #[test]
    fn a_shared_step_has_a_number_for_each_target() {
        let other = RUNS.replace("[api", "[web");
        let numbers: Vec<(u64, bool)> = changes(&format!("{RUNS}\n{other}\n{RUNS}"))
            .into_iter()
            .map(|(_, number, first, _)| (number, first))
            .collect();
        assert_eq!(numbers, [(1, true), (2, false), (1, true)]);
    }

    #[test]
    fn logs_and_other_text_become_lines() {
        let log = r#"{"logs":[{"vertex":"sha256:1","data":"aGVsbG8Kd29ybGQ=","timestamp":"2026-01-02T03:04:07.5Z"}]}"#;
        let lines: Vec<Read> = read(&format!("{RUNS}\n{log}\nERROR: failed to solve: x"))
            .into_iter()
            .filter(|r| matches!(r, Read::Line(_)))
            .collect();
        let expected = ["#1 2.000 hello", "ERROR: failed to solve: x"];
        assert_eq!(lines, expected.map(|l| Read::Line(l.to_owned())));
    }

    #[test]
    fn the_end_of_a_step_is_printed_as_plain_progress_does() {
        let mut change = Change {
            digest: String::new(),
            name: "[2/3] RUN make".into(),
            step: None,
            started: Some(SystemTime::UNIX_EPOCH),
            completed: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1300)),
            cached: false,
            error: None,
            of_step: true,
        };
        assert_eq!(
            plain(&change, 3, false),
            ["#3 [2/3] RUN make", "#3 DONE 1.3s"]
        );
        change.error = Some("exit code: 1".into());
        assert_eq!(plain(&change, 3, true), ["#3 ERROR: exit code: 1"]);
        change.error = Some("x: context canceled".into());
        assert_eq!(plain(&change, 3, true), ["#3 CANCELED"]);
    }
}
