use std::collections::{BTreeMap, BTreeSet};

use super::start::Start;
use crate::closure::{BuildClosure, StageBase};
use crate::compatibility::{Lines, Obstacle, ObstacleOf, range};
use crate::dockerfile::{Dockerfile, Instruction, InstructionKind, Stage};
use crate::stages::{Substitutes, rewritten};

/// A step of the generated Dockerfile, in the order in which the builder counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// An ARG before the first FROM, or a FROM.
    Frame,
    /// An instruction that is in the image it goes on from, repeated for its
    /// settings.
    Repeated,
    /// An instruction to build, at this line.
    Built(u32),
}

/// What the builder is given.
#[derive(Debug, Clone)]
pub(super) struct Resumed {
    pub(super) text: String,
    pub(super) places: Vec<Place>,
    /// How many instructions the images have in them already.
    pub(super) kept: usize,
}

/// The Dockerfile with each stage going on from its start, every line with its
/// number: what makes layers is blank as far as it is in the image; what makes
/// settings is repeated, so that they are the same as ever.
pub(super) fn resumed(
    build: &BuildClosure,
    file: &Dockerfile,
    substitutes: &Substitutes,
    starts: &BTreeMap<usize, Start>,
) -> Resumed {
    let source = build.named_dockerfile.trim_start_matches('\u{feff}');
    let lines = Lines::new(source, file.escape);
    let base = rewritten(build, file, substitutes);
    let mut text: Vec<String> = base.lines().map(str::to_owned).collect();
    let mut globals: Vec<u32> = file.global_args.iter().map(|a| a.line).collect();
    globals.dedup();
    let mut places: Vec<Place> = globals.iter().map(|_| Place::Frame).collect();
    let mut kept = 0;
    let needed = needed(build, file, starts);
    for stage in file.stages.iter().take(build.target_stage + 1) {
        places.push(Place::Frame);
        if build.stage(stage.index).is_none() {
            continue;
        }
        if !needed.contains(&stage.index) {
            let end = end_of(file, stage, text.len());
            let from = range(&lines, stage.line).start;
            text[from..end.max(from + 1)].fill(String::new());
            text[from] = format!("FROM scratch AS {}", stage.name.as_deref().unwrap_or("_"));
            kept += stage.instructions.len();
            continue;
        }
        let start = starts.get(&stage.index);
        if let Some(start) = start {
            let name = stage.name.as_deref().unwrap_or_default();
            let from = range(&lines, stage.line);
            text[from.clone()].fill(String::new());
            text[from.start] = format!("FROM {} AS {name}", start.image.name);
            kept += start.kept;
        }
        for (number, instruction) in stage.instructions.iter().enumerate() {
            let inside = start.filter(|s| number < s.kept);
            match inside {
                None => places.push(Place::Built(instruction.line)),
                Some(start) if start.whole || makes_layer(instruction) => {
                    let next = stage.instructions.get(number + 1);
                    let end = next.map_or_else(|| end_of(file, stage, text.len()), first_line);
                    text[first_line(instruction)..end].fill(String::new());
                }
                Some(_) => places.push(Place::Repeated),
            }
        }
    }
    let mut text = text.join("\n");
    text.push('\n');
    Resumed { text, places, kept }
}

/// The stages that what is left to do asks for: the others are in an image already.
pub(super) fn needed(
    build: &BuildClosure,
    file: &Dockerfile,
    starts: &BTreeMap<usize, Start>,
) -> BTreeSet<usize> {
    let mut needed = BTreeSet::new();
    let mut waiting = vec![build.target_stage];
    while let Some(index) = waiting.pop() {
        let (Some(stage), Some(closure)) = (file.stages.get(index), build.stage(index)) else {
            continue;
        };
        if !needed.insert(index) {
            continue;
        }
        let kept = starts.get(&index).map_or(0, |start| start.kept);
        if let (StageBase::Stage(base), false) = (&closure.base, starts.contains_key(&index)) {
            waiting.push(*base);
        }
        for instruction in stage.instructions.iter().skip(kept) {
            let InstructionKind::Copy(copy) = &instruction.kind else {
                continue;
            };
            let from = copy.from.as_deref().and_then(|from| {
                let earlier = file.stages[..index].iter().rev();
                let named = earlier.clone().find(|s| s.is_named(from));
                named.map(|s| s.index).or_else(|| from.parse().ok())
            });
            waiting.extend(from);
        }
    }
    needed
}

/// Where the lines of a stage end, counted from 0.
fn end_of(file: &Dockerfile, stage: &Stage, all: usize) -> usize {
    let next = file.stages.get(stage.index + 1);
    next.map_or(all, |next| index(next.line))
}

/// An instruction goes as far as the next one: heredocs are not told by their lines.
fn first_line(instruction: &Instruction) -> usize {
    index(instruction.line)
}

fn index(line: u32) -> usize {
    usize::try_from(line).unwrap_or(1).saturating_sub(1)
}

/// The first obstacle that is in the way of what is left to build.
pub(super) fn in_the_way<'o>(
    build: &BuildClosure,
    file: &Dockerfile,
    starts: &BTreeMap<usize, Start>,
    obstacles: &'o [Obstacle],
) -> Option<&'o Obstacle> {
    let needed = needed(build, file, starts);
    let left = |stage: &Stage| starts.get(&stage.index).map_or(0, |start| start.kept);
    let copies = file
        .stages
        .iter()
        .filter(|stage| needed.contains(&stage.index))
        .flat_map(|stage| stage.instructions.iter().skip(left(stage)))
        .any(takes_context);
    obstacles.iter().find(|obstacle| {
        let line = obstacle.line.saturating_sub(build.line_offset);
        let stage = file.stages.iter().rev().find(|s| s.line <= line);
        let of_stage = match (obstacle.of, stage) {
            (ObstacleOf::Build, _) | (_, None) => return true,
            (ObstacleOf::Context, _) => return copies,
            (_, Some(stage)) => stage,
        };
        if !needed.contains(&of_stage.index) {
            return false;
        }
        let Some(start) = starts.get(&of_stage.index) else {
            return true;
        };
        let all = of_stage.instructions.len();
        if obstacle.of == ObstacleOf::Stage {
            return !(start.whole && start.kept == all);
        }
        let step = of_stage.instructions.iter().rposition(|i| i.line <= line);
        step.is_some_and(|number| {
            let repeated = !start.whole && !makes_layer(&of_stage.instructions[number]);
            number >= start.kept || repeated
        })
    })
}

fn takes_context(instruction: &Instruction) -> bool {
    match &instruction.kind {
        InstructionKind::Copy(copy) => copy.from.is_none(),
        InstructionKind::Add(_) => true,
        _ => false,
    }
}

fn makes_layer(instruction: &Instruction) -> bool {
    matches!(
        instruction.kind,
        InstructionKind::Run(_) | InstructionKind::Copy(_) | InstructionKind::Add(_)
    )
}

#[cfg(test)]
#[path = "dockerfile_tests.rs"]
mod tests;
