//! What a build by the classic builder is given: its flags, and its Dockerfile.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::closure::{BuildClosure, StageBase};
use crate::compatibility::{Lines, from_of, names_of_buildkit, range};
use crate::dockerfile::{BuildArgs, Dockerfile, InstructionKind};
use crate::project::BuildTarget;

/// Images that the classic builder is given in place of those that a Dockerfile
/// names.
#[derive(Debug, Clone, Default)]
pub struct Substitutes {
    /// By the service that builds the image.
    pub services: BTreeMap<String, String>,
    /// By the image's normalised reference: a service's image name, or a digest
    /// pin that the engine cannot look up.
    pub references: BTreeMap<String, String>,
}

/// What the Compose file says of the build that the classic builder knows.
pub(crate) fn key_flags(
    build: &BuildClosure,
    source: &BuildTarget,
    file: &Dockerfile,
    engine: &str,
) -> Vec<OsString> {
    let mut flags: Vec<OsString> = Vec::new();
    let mut put = |flag: &str, value: String| {
        flags.push(flag.into());
        flags.push(value.into());
    };
    let mut args = predefined(build, source, file, engine);
    for (name, value) in &source.args {
        if let Some(value) = value {
            args.insert(name.clone(), value.clone());
        }
    }
    for (name, value) in args {
        put("--build-arg", format!("{name}={value}"));
    }
    if let Some(network) = &source.network {
        put("--network", network.clone());
    }
    for (host, addresses) in &source.extra_hosts {
        for address in addresses {
            put("--add-host", format!("{host}:{address}"));
        }
    }
    if let Some(size) = &source.shm_size {
        put("--shm-size", size.clone());
    }
    for (name, limit) in &source.ulimits {
        put("--ulimit", format!("{name}={}:{}", limit.soft, limit.hard));
    }
    flags
}

/// The platform arguments that a Dockerfile declares without a value: BuildKit
/// gives them one by itself, the classic builder does not.
fn predefined(
    build: &BuildClosure,
    source: &BuildTarget,
    file: &Dockerfile,
    engine: &str,
) -> BTreeMap<String, String> {
    let (Ok(build_platform), Ok(target_platform)) = (engine.parse(), build.platform.parse()) else {
        return BTreeMap::new();
    };
    let given = BuildArgs {
        overrides: BTreeMap::new(),
        build_platform,
        target_platform,
        target_stage: source.target.clone(),
    };
    let nothing = Dockerfile {
        global_args: Vec::new(),
        ..file.clone()
    };
    let mut values = given.global(&nothing).unwrap_or_default();
    let in_stages = file.stages.iter().flat_map(|s| &s.instructions);
    let declared: Vec<_> = in_stages
        .filter_map(|i| match &i.kind {
            InstructionKind::Arg(args) => Some(args),
            _ => None,
        })
        .flatten()
        .chain(&file.global_args)
        .collect();
    values.retain(|name, value| {
        let mut own = declared.iter().filter(|arg| arg.name == *name).peekable();
        !value.is_empty() && own.peek().is_some() && own.all(|arg| arg.default.is_none())
    });
    values
}

/// The Dockerfile up to the target, every line with its number: stages that the
/// target does not need are empty, and each FROM names what it stands for.
pub(crate) fn rewritten(
    build: &BuildClosure,
    file: &Dockerfile,
    substitutes: &Substitutes,
) -> String {
    let text = build.named_dockerfile.trim_start_matches('\u{feff}');
    let lines = Lines::new(text, file.escape);
    let mut result: Vec<String> = text.lines().map(str::to_owned).collect();
    for written in &file.stages {
        let first = range(&lines, written.line);
        let end = file
            .stages
            .get(written.index + 1)
            .map_or(result.len(), |next| range(&lines, next.line).start);
        if written.index > build.target_stage {
            result.truncate(first.start);
            break;
        }
        let name = written.name.as_deref().unwrap_or_default();
        let Some(stage) = build.stage(written.index) else {
            result[first.start..end].fill(String::new());
            result[first.start] = format!("FROM scratch AS {name}");
            continue;
        };
        let base = match &stage.base {
            StageBase::Stage(_) | StageBase::Scratch | StageBase::Context(_) => None,
            StageBase::SiblingService(service) => substitutes.services.get(service).cloned(),
            StageBase::Image(image) => {
                let other = substitutes.references.get(&image.to_string());
                other.cloned().or_else(|| {
                    let only_buildkit = names_of_buildkit(written, file);
                    only_buildkit.then(|| image.familiar())
                })
            }
        };
        let stage_base = match &stage.base {
            StageBase::Stage(index) if names_of_buildkit(written, file) => {
                file.stages.get(*index).and_then(|s| s.name.clone())
            }
            StageBase::Scratch if names_of_buildkit(written, file) => Some("scratch".into()),
            _ => None,
        };
        if let Some(base) = base.or(stage_base) {
            result[first.clone()].fill(String::new());
            result[first.start] = format!("FROM {base} AS {name}");
        }
        for instruction in &written.instructions {
            let Some((from, image)) = from_of(instruction) else {
                continue;
            };
            let is_stage = file.stages[..written.index]
                .iter()
                .any(|s| s.is_named(from));
            let Some(other) = substitutes.references.get(&image.to_string()) else {
                continue;
            };
            if !is_stage {
                for line in &mut result[range(&lines, instruction.line)] {
                    *line = line.replacen(&format!("--from={from}"), &format!("--from={other}"), 1);
                }
            }
        }
    }
    let mut text = result.join("\n");
    text.push('\n');
    text
}

#[cfg(test)]
#[path = "classic_tests.rs"]
mod tests;
