use std::collections::{BTreeMap, BTreeSet};

use super::apart::{Edit, kept_apart};
use super::cleaned::{self, Cleaner, Shells};
use super::may_use::{Network, may_use};
use super::past;
use super::trust::{FILES, TrustFile, VARIABLES};
use super::writes_down::writes_down;
use super::{LineMap, Secret, Variables};
use crate::dockerfile::{BYTE_ORDER_MARK, Dockerfile, Instruction, InstructionKind, Run, Stage};

/// From where on the RUN steps of a stage are rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RewriteFrom {
    /// The stage's number in the file.
    pub stage: usize,
    /// The position of an instruction in [`Stage::instructions`].
    pub step: usize,
}

/// A Dockerfile whose steps go through a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    /// The text.
    pub text: String,
    /// Its lines and those of the original.
    pub lines: LineMap,
    /// The secrets that its build has to be given, by id.
    pub secrets: Vec<Secret>,
}

/// What the rewritten steps find in their `--mount=type=cache`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caches<'a> {
    /// What any build of the project leaves there.
    Shared,
    /// Nothing from before: caches of their own, known by this word. A step that
    /// finds a package in a warm cache does not ask for it, so that a recording
    /// would lack it. The word is part of the keys.
    Fresh(&'a str),
}

/// The text with flags at the RUN steps that may use the network, in each of these
/// stages from the given instruction on.
///
/// `text` is what `dockerfile` was parsed from. All else stays as it is, byte for
/// byte: what comes before keeps its keys. Steps that certainly stay away from the
/// network, with `--network=none` too, get no flags. What ONBUILD triggers in
/// another stage cannot be rewritten.
pub fn rewrite(
    text: &str,
    dockerfile: &Dockerfile,
    from: &[RewriteFrom],
    variables: Variables,
    caches: Caches<'_>,
) -> Rewritten {
    rewrite_and_clean(text, dockerfile, from, variables, caches, None)
}

/// The same, with a program of ours in steps that write their environment down.
///
/// Some of these stay away from the network and have no flags of their own; the address
/// of the proxy is in their environment all the same.
pub fn rewrite_and_clean(
    text: &str,
    dockerfile: &Dockerfile,
    from: &[RewriteFrom],
    variables: Variables,
    caches: Caches<'_>,
    cleaner: Option<&Cleaner>,
) -> Rewritten {
    let body = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mut starts: BTreeMap<usize, usize> = BTreeMap::new();
    for point in from {
        let step = starts.entry(point.stage).or_insert(point.step);
        *step = point.step.min(*step);
    }
    let mut edits = match caches {
        Caches::Shared => Vec::new(),
        Caches::Fresh(word) => {
            kept_apart(dockerfile, &starts, word, |line| start_of_line(body, line))
        }
    };
    let mut rewrites = false;
    let shells = Shells::of(body, dockerfile);
    for stage in &dockerfile.stages {
        let Some(start) = starts.get(&stage.index) else {
            continue;
        };
        for (step, run) in cleaner.iter().flat_map(|c| cleaned_steps(stage, *start, c)) {
            let beginning = cleaned::beginning(body, run, shells.is_posix(stage, step));
            if let (Some(beginning), Some(cleaner)) = (beginning, cleaner) {
                edits.push(Edit::insert(run.keyword_end, cleaned::flags(cleaner)));
                edits.push(beginning);
            }
        }
        for place in places(stage, *start) {
            rewrites = true;
            if place.needs_arguments && variables == Variables::Arguments {
                let at = start_of_line(body, place.line);
                edits.push(Edit::line_before(place.line, at, arguments()));
            }
            let flags = flags(variables) + &mounts(place.past);
            edits.push(Edit::insert(place.keyword_end, flags));
            if let Caches::Fresh(word) = caches {
                let ids = place.caches.iter();
                edits.extend(ids.map(|(end, id)| Edit::insert(*end, format!(",id={word}-{id}"))));
            }
        }
    }
    // A stable sort: what was put in one place stays in order.
    edits.sort_by_key(|edit| edit.from);
    let mut result = text[..text.len() - body.len()].to_owned();
    let mut copied = 0;
    for edit in &edits {
        result.push_str(&body[copied..edit.from]);
        result.push_str(&edit.text);
        copied = edit.to;
    }
    result.push_str(&body[copied..]);
    let added: Vec<u32> = edits.iter().filter_map(|edit| edit.before_line).collect();
    let mut given = if rewrites {
        secrets(variables)
    } else {
        Vec::new()
    };
    // Also where no step is cleaned up after now: plain Compose follows edits.
    given.extend(cleaner.filter(|_| rewrites).map(|_| cleaned::secret()));
    Rewritten {
        text: result,
        lines: LineMap::with_lines_before(&added),
        secrets: given,
    }
}

/// The steps to clean up after. Before the first rewritten one nothing changes that a
/// network step comes after, as that has to stay what it is.
fn cleaned_steps<'a>(
    stage: &'a Stage,
    start: usize,
    cleaner: &Cleaner,
) -> impl Iterator<Item = (usize, &'a Run)> {
    let runs = |(step, instruction): (usize, &'a Instruction)| match &instruction.kind {
        InstructionKind::Run(run) => Some((step, run)),
        _ => None,
    };
    let all: Vec<(usize, &Run)> = stage
        .instructions
        .iter()
        .enumerate()
        .filter_map(runs)
        .collect();
    let mut before = all.iter().filter(|(step, _)| *step < start);
    let first = if before.any(|(_, run)| may_use(run) != Network::No) {
        start
    } else {
        0
    };
    let every = cleaner.every_step;
    all.into_iter().filter(move |(step, run)| {
        *step >= first && (writes_down(run) || (every && may_use(run) != Network::No))
    })
}

/// A RUN to rewrite.
struct Place<'a> {
    line: u32,
    keyword_end: usize,
    /// Whether the variables are not yet in force, or no longer.
    needs_arguments: bool,
    /// Its caches: where the options end, and the id. Of two ids the later counts.
    caches: Vec<(usize, &'a str)>,
    /// The files that it is given besides.
    past: Vec<&'static TrustFile>,
}

fn places(stage: &Stage, start: usize) -> Vec<Place<'_>> {
    let mut places = Vec::new();
    let mut needs_arguments = true;
    for instruction in stage.instructions.iter().skip(start) {
        match &instruction.kind {
            InstructionKind::Run(run) if may_use(run) != Network::No => {
                places.push(Place {
                    line: instruction.line,
                    keyword_end: run.keyword_end,
                    needs_arguments,
                    caches: caches_of(run),
                    past: past::files(run).collect(),
                });
                needs_arguments = false;
            }
            // The later one of ARG and ENV counts (fact 39).
            InstructionKind::Env(pairs) if pairs.iter().any(|(name, _)| is_ours(name)) => {
                needs_arguments = true;
            }
            InstructionKind::Arg(args) if args.iter().any(|arg| is_ours(&arg.name)) => {
                needs_arguments = true;
            }
            _ => {}
        }
    }
    places
}

/// A cache without an id is known by where it is mounted
/// (`frontend/dockerfile/dockerfile2llb/convert_runmount.go`).
fn caches_of(run: &Run) -> Vec<(usize, &str)> {
    let caches = run.mounts.iter().filter(|m| m.mount_type == "cache");
    caches
        .filter_map(|m| Some((m.options_end, m.id.as_deref().or(m.target.as_deref())?)))
        .collect()
}

fn is_ours(name: &str) -> bool {
    VARIABLES.iter().any(|v| v.name == name)
}

fn start_of_line(text: &str, line: u32) -> usize {
    let ends = text.match_indices('\n').map(|(at, _)| at + 1);
    let number = usize::try_from(line).unwrap_or(usize::MAX);
    std::iter::once(0)
        .chain(ends)
        .nth(number.saturating_sub(1))
        .unwrap_or(text.len())
}

/// One line for all: every ARG is a line of the image's history.
fn arguments() -> String {
    let given = VARIABLES
        .iter()
        .filter_map(|v| Some(format!(" {}=\"{}\"", v.name, v.argument?)));
    format!("ARG{}\n", given.collect::<String>())
}

fn flags(variables: Variables) -> String {
    let mut flags = mounts(FILES);
    if variables == Variables::Secrets {
        for variable in VARIABLES {
            let (id, name) = (id_of(variable.name), variable.name);
            flags.push_str(&format!(" --mount=type=secret,id={id},env={name}"));
        }
    }
    flags
}

fn mounts<'f>(files: impl IntoIterator<Item = &'f TrustFile>) -> String {
    let mount = |file: &TrustFile| {
        format!(
            " --mount=type=secret,id={},target={},mode={}",
            file.id, file.target, file.mode
        )
    };
    files.into_iter().map(mount).collect()
}

fn secrets(variables: Variables) -> Vec<Secret> {
    // Also what no step is given now: plain Compose follows edits, and has these.
    let files = FILES.iter().chain(past::all()).map(|file| Secret {
        id: file.id.to_owned(),
        content: file.content,
    });
    let mut secrets: BTreeSet<Secret> = files.collect();
    if variables == Variables::Secrets {
        secrets.extend(VARIABLES.iter().map(|variable| Secret {
            id: id_of(variable.name),
            content: variable.content,
        }));
    }
    secrets.into_iter().collect()
}

fn id_of(variable: &str) -> String {
    format!("docker-offline-env-{variable}")
}

#[cfg(test)]
#[path = "rewrite_tests.rs"]
mod tests;
