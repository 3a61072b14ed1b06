//! What the classic builder (`DOCKER_BUILDKIT=0`) cannot build.
//!
//! From `builder/dockerfile` and the vendored Dockerfile parser of moby 20.10.24,
//! 26.1.5 and 28.5.2: what any of them refuses, or builds otherwise than BuildKit
//! without a word (a heredoc is run as an empty command by 28.5), is an obstacle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::classic_copy::{ignore_file_copied, needs_copy};
use super::classic_text::{self, Lines};
use crate::closure::{BuildClosure, StageBase, StageClosure};
use crate::dockerfile::{self, Copy, Dockerfile, Instruction, InstructionKind, RemoteSource};
use crate::project::{BuildContext, DockerfileSource};

/// One thing that keeps the classic builder from building a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Obstacle {
    /// The line in [`BuildClosure::dockerfile_path`].
    pub line: u32,
    /// What it is, such as `RUN --mount`.
    pub what: String,
    /// What it stands in the way of.
    pub of: ObstacleOf,
}

/// What an obstacle stands in the way of. What the image that a build goes on from has
/// in it already is in nobody's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObstacleOf {
    /// The build, wherever it goes on.
    Build,
    /// Every step of its stage.
    Stage,
    /// Every step that copies from the context.
    Context,
    /// Its own step.
    Step,
}

/// Everything in the stages up to the target that the classic builder of Engine
/// 20.10 to 28.5 cannot build, in the order of the file; empty if it can build
/// the service. `engine` is the platform that the engine builds for by itself.
pub fn classic_obstacles(build: &BuildClosure, engine: &str) -> Vec<Obstacle> {
    let mut found = Found::default();
    if let BuildContext::Remote(_) = &build.context {
        found.add_of(ObstacleOf::Build, 1, "a remote build context");
    }
    match dockerfile::parse(&build.named_dockerfile, &build.dockerfile_path) {
        Ok(file) => {
            let lines = Lines::new(&build.named_dockerfile, file.escape);
            whole_file(build, &file, &lines, &mut found);
            for stage in &build.stages {
                in_stage(build, stage, engine, &file, &lines, &mut found);
            }
        }
        Err(error) if found.0.is_empty() => {
            found.add_of(ObstacleOf::Build, error.line, error.why);
        }
        Err(_) => {}
    }
    ignore_file(build, &mut found);
    let shifted = found.0.into_iter().map(|one| Obstacle {
        line: one.line + build.line_offset,
        ..one
    });
    shifted.collect()
}

/// In order, and each said once.
#[derive(Default)]
struct Found(BTreeSet<Obstacle>);

impl Found {
    fn add(&mut self, line: u32, what: impl Into<String>) {
        self.add_of(ObstacleOf::Step, line, what);
    }

    fn add_of(&mut self, of: ObstacleOf, line: u32, what: impl Into<String>) {
        let what = what.into();
        self.0.insert(Obstacle { line, what, of });
    }
}

fn whole_file(build: &BuildClosure, file: &Dockerfile, lines: &Lines<'_>, found: &mut Found) {
    let mut names: BTreeMap<String, u32> = BTreeMap::new();
    for stage in file.stages.iter().take(build.target_stage + 1) {
        let Some(name) = &stage.name else { continue };
        // `checkStageNameAvailable`; to BuildKit the last one counts.
        if names
            .insert(name.to_ascii_lowercase(), stage.line)
            .is_some()
        {
            let what = format!("a second stage of the name {name}");
            found.add_of(ObstacleOf::Build, stage.line, what);
        }
    }
    if needs_copy(build, file)
        && let Some(line) = ignore_file_copied(build)
    {
        let what = "COPY of .dockerignore, which docker changes for a Dockerfile from elsewhere";
        found.add_of(ObstacleOf::Context, line, what);
    }
    for arg in &file.global_args {
        for word in classic_text::unknown_substitutions(&lines.instruction(arg.line)) {
            let what = format!("the substitution {word}");
            found.add_of(ObstacleOf::Build, arg.line, what);
        }
    }
}

fn in_stage(
    build: &BuildClosure,
    stage: &StageClosure,
    engine: &str,
    file: &Dockerfile,
    lines: &Lines<'_>,
    found: &mut Found,
) {
    for (line, name) in &stage.named_contexts {
        found.add(*line, format!("the named context {name}"));
    }
    if let StageBase::Context(name) = &stage.base {
        found.add(stage.line, format!("the named context {name}"));
    }
    if stage.platform != engine {
        let what = format!("FROM for {}", stage.platform);
        found.add_of(ObstacleOf::Stage, stage.line, what);
    }
    for (line, source) in &stage.remote_adds {
        found.add(
            *line,
            match source {
                RemoteSource::Url => "ADD from a URL, which it downloads in every build",
                RemoteSource::Git => "ADD from a git repository",
            },
        );
    }
    let Some(written) = file.stages.get(stage.index) else {
        return;
    };
    substitutions(written.line, &lines.instruction(written.line), found);
    for instruction in &written.instructions {
        in_instruction(instruction, lines, found);
    }
    lost_args(build, stage, file, lines, found);
}

fn in_instruction(instruction: &Instruction, lines: &Lines<'_>, found: &mut Found) {
    let line = instruction.line;
    let (is_add, copy) = match &instruction.kind {
        InstructionKind::Run(run) => {
            // `dispatchRun` refuses any flag.
            for flag in &run.flags {
                found.add(line, format!("RUN --{flag}"));
            }
            if !run.heredocs.is_empty() {
                found.add(line, "RUN with a heredoc");
            }
            return;
        }
        InstructionKind::Onbuild(inner) => return in_instruction(inner, lines, found),
        InstructionKind::Copy(copy) => (false, copy),
        InstructionKind::Add(add) => (true, add),
        InstructionKind::Other("CMD" | "ENTRYPOINT" | "SHELL") => return,
        InstructionKind::Other("HEALTHCHECK") => {
            if lines.instruction(line).contains("--start-interval") {
                found.add(line, "HEALTHCHECK --start-interval");
            }
            return;
        }
        _ => return substitutions(line, &lines.instruction(line), found),
    };
    in_copy(copy, is_add, line, found);
    substitutions(line, &lines.instruction(line), found);
}

/// 20.10 knows `--chown`, and `--from` of COPY; newer ones read the others and
/// ignore them, but for `--chmod`, which all refuse.
fn in_copy(copy: &Copy, is_add: bool, line: u32, found: &mut Found) {
    let name = if is_add { "ADD" } else { "COPY" };
    for flag in &copy.flags {
        if flag != "chown" && (is_add || flag != "from") {
            found.add(line, format!("{name} --{flag}"));
        }
    }
    if !copy.heredocs.is_empty() {
        found.add(line, format!("{name} with a heredoc"));
    }
}

/// 20.10 substitutes `${X}`, `${X:-..}`, `${X:+..}` and `${X?..}` only.
fn substitutions(line: u32, text: &str, found: &mut Found) {
    for word in classic_text::unknown_substitutions(text) {
        found.add(line, format!("the substitution {word}"));
    }
}

/// BuildKit hands the ARGs of a stage on to those that start from it, the classic
/// builder forgets them (`newDispatchState`).
fn lost_args(
    build: &BuildClosure,
    stage: &StageClosure,
    file: &Dockerfile,
    lines: &Lines<'_>,
    found: &mut Found,
) {
    let mut inherited: BTreeSet<&str> = BTreeSet::new();
    let mut kept: BTreeSet<&str> = BTreeSet::new();
    let mut base = &stage.base;
    while let StageBase::Stage(index) = base {
        let Some(written) = file.stages.get(*index) else {
            break;
        };
        for instruction in &written.instructions {
            match &instruction.kind {
                InstructionKind::Arg(args) => inherited.extend(args.iter().map(|a| &*a.name)),
                InstructionKind::Env(pairs) => kept.extend(pairs.iter().map(|(name, _)| &**name)),
                _ => {}
            }
        }
        let Some(next) = build.stage(*index) else {
            break;
        };
        base = &next.base;
    }
    let mut lost: BTreeSet<&str> = inherited.difference(&kept).copied().collect();
    for instruction in &file.stages[stage.index].instructions {
        if lost.is_empty() {
            break;
        }
        let text = lines.instruction(instruction.line);
        match &instruction.kind {
            InstructionKind::Arg(args) => {
                for arg in args {
                    lost.remove(&*arg.name);
                }
            }
            _ => {
                for name in classic_text::used(&text, &lost) {
                    found.add(
                        instruction.line,
                        format!("{name}, an ARG of the stage that this one starts from"),
                    );
                }
            }
        }
    }
}

/// Only BuildKit looks for `NAME.dockerignore` beside the Dockerfile.
fn ignore_file(build: &BuildClosure, found: &mut Found) {
    let (DockerfileSource::File(path), BuildContext::Directory(context)) =
        (&build.dockerfile, &build.context)
    else {
        return;
    };
    let Some(copy) = build.stages.iter().flat_map(|s| &s.copies).next() else {
        return;
    };
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".dockerignore");
    let Ok(own) = std::fs::read(path.with_file_name(&name)) else {
        return;
    };
    let general = std::fs::read(context.join(".dockerignore")).unwrap_or_default();
    if own != general {
        let name = Path::new(&name).display();
        let what = format!("{name}, which only BuildKit reads");
        found.add_of(ObstacleOf::Context, copy.line, what);
    }
}

#[cfg(test)]
#[path = "classic_tests.rs"]
mod tests;
