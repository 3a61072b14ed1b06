//! When the classic builder cannot be given the project's Dockerfile as it is.

use super::classic_text::Lines;
use crate::closure::{BuildClosure, StageBase};
use crate::dockerfile::{Dockerfile, Instruction, InstructionKind, Stage};
use crate::project::{BuildContext, DockerfileSource};
use crate::reference::ImageReference;

/// Whether a build needs a copy of its Dockerfile, on this engine or on a site:
/// because it lies outside of the context, because the classic builder would go
/// through stages that the target does not need and whose images are not carried,
/// because a name in it is known to BuildKit only, or because an image is named
/// by its digest, which some engines cannot look up (engine fact 10).
pub(crate) fn needs_copy(build: &BuildClosure, file: &Dockerfile) -> bool {
    !is_in_context(build)
        || file
            .stages
            .iter()
            .any(|stage| match build.stage(stage.index) {
                None => is_in_the_way(stage, build.target_stage),
                Some(closure) => {
                    matches!(closure.base, StageBase::SiblingService(_))
                        || !closure.sibling_services.is_empty()
                        || closure.images.iter().any(|image| image.digest().is_some())
                        || names_of_buildkit(stage, file)
                }
            })
}

/// Whether `-f` can name the file inside of the context.
pub(crate) fn is_in_context(build: &BuildClosure) -> bool {
    let (DockerfileSource::File(path), BuildContext::Directory(context)) =
        (&build.dockerfile, &build.context)
    else {
        return false;
    };
    match (path.canonicalize(), context.canonicalize()) {
        (Ok(path), Ok(context)) => path.starts_with(context),
        // The lower-case `dockerfile` that `Dockerfile` may stand for.
        _ => path.starts_with(context),
    }
}

/// The classic builder builds every stage before the target, and reads all.
fn is_in_the_way(stage: &Stage, target: usize) -> bool {
    stage.index < target || !stage.instructions.iter().all(is_read_since_20_10)
}

fn is_read_since_20_10(instruction: &Instruction) -> bool {
    let known = |flag: &String| matches!(flag.as_str(), "chown" | "from");
    match &instruction.kind {
        InstructionKind::Run(run) => run.flags.is_empty() && run.heredocs.is_empty(),
        InstructionKind::Copy(copy) | InstructionKind::Add(copy) => {
            copy.flags.iter().all(known) && copy.heredocs.is_empty()
        }
        InstructionKind::Onbuild(inner) => is_read_since_20_10(inner),
        InstructionKind::Other("HEALTHCHECK") => false,
        _ => true,
    }
}

/// Whether a FROM is written with the platform variables that BuildKit predefines.
pub(crate) fn names_of_buildkit(stage: &Stage, file: &Dockerfile) -> bool {
    let predefined = |text: &str| {
        ["BUILD", "TARGET"].iter().any(|prefix| {
            ["PLATFORM", "OS", "ARCH", "VARIANT", "STAGE"]
                .iter()
                .any(|suffix| text.contains(&format!("{prefix}{suffix}")))
        })
    };
    let platform = stage.platform.as_deref().unwrap_or_default();
    let defaults = file.global_args.iter().filter_map(|a| a.default.as_deref());
    platform.contains('$')
        || predefined(&stage.from)
        || stage.from.contains('$') && defaults.into_iter().any(predefined)
}

/// The line of a COPY that takes the context's own `.dockerignore`, if the file
/// is there and not ignored itself.
///
/// A Dockerfile from elsewhere goes to the engine under a name of chance, which
/// docker writes into that file (`AddDockerfileToBuildContext` of docker/cli), so
/// that the step would never be found in a cache.
pub(super) fn ignore_file_copied(build: &BuildClosure) -> Option<u32> {
    let BuildContext::Directory(context) = &build.context else {
        return None;
    };
    let text = std::fs::read_to_string(context.join(".dockerignore")).ok()?;
    let mut ignored = false;
    for line in text.lines().map(str::trim) {
        let exception = line.starts_with('!');
        let pattern = line.trim_start_matches('!').trim().trim_start_matches('/');
        if [
            ".dockerignore",
            "**/.dockerignore",
            ".*",
            "**/.*",
            "*",
            "**",
        ]
        .contains(&pattern)
        {
            ignored = !exception;
        }
    }
    if ignored {
        return None;
    }
    let copies = build.stages.iter().flat_map(|stage| &stage.copies);
    let takes = |source: &String| {
        let source = source.trim_start_matches("./").trim_matches('/');
        matches!(source, "" | "." | "*" | ".*" | ".dockerignore")
    };
    copies
        .filter(|copy| copy.sources.iter().any(takes))
        .map(|copy| copy.line)
        .next()
}

/// Replaces an image in the `--from` of a COPY.
pub(crate) fn from_of(instruction: &Instruction) -> Option<(&str, ImageReference)> {
    match &instruction.kind {
        InstructionKind::Copy(copy) => {
            let from = copy.from.as_deref()?;
            if from.parse::<usize>().is_ok() {
                return None;
            }
            Some((from, ImageReference::parse(from).ok()?))
        }
        _ => None,
    }
}

/// The lines of an instruction, from 0, first and one past the last.
pub(crate) fn range(lines: &Lines<'_>, line: u32) -> std::ops::Range<usize> {
    let first = usize::try_from(line).unwrap_or(1).saturating_sub(1);
    first..first + lines.extent(line)
}
