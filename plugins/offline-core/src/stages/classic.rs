//! A build by the classic builder, the same on both sides of the air gap.
//!
//! Its cache is looked up by the history of images (engine fact 14), which holds
//! commands, build arguments and the hashes of copied files, and neither stage
//! names nor what FROM was written as.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::dockerfiles::Error;
use crate::closure::{BuildClosure, Closure, StageBase};
use crate::compatibility::{Lines, from_of, names_of_buildkit, needs_copy, range};
use crate::dockerfile::{self, BuildArgs, Dockerfile, InstructionKind};
use crate::project::{BuildContext, BuildTarget, DockerfileSource, Project, existing_dockerfile};

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

/// A `docker build` of a service up to its target, which passes every stage.
#[derive(Debug, Clone)]
pub struct ClassicBuild {
    /// The flags that any key depends on; neither tags nor cache sources.
    pub flags: Vec<OsString>,
    /// The build context.
    pub context: PathBuf,
}

impl ClassicBuild {
    /// The build of a service, with `engine` as the platform that the engine builds
    /// for by itself. Where the Dockerfile cannot be used as it is, a copy is
    /// written into `scratch`. `None` where the service is not built from a folder.
    pub fn new(
        project: &Project,
        closure: &Closure,
        service: &str,
        substitutes: &Substitutes,
        engine: &str,
        scratch: &Path,
    ) -> Result<Option<Self>, Error> {
        let number = closure.services.iter().position(|s| s.name == service);
        let build = closure.service(service).and_then(|s| s.build.as_ref());
        let source = project.service(service).and_then(|s| s.build.as_ref());
        let (Some(number), Some(build), Some(source)) = (number, build, source) else {
            return Ok(None);
        };
        let BuildContext::Directory(context) = &build.context else {
            return Ok(None);
        };
        let Ok(file) = dockerfile::parse(&build.named_dockerfile, &build.dockerfile_path) else {
            return Ok(None);
        };
        let mut flags: Vec<OsString> = vec!["--file".into()];
        if let (DockerfileSource::File(path), false) = (&build.dockerfile, needs_copy(build, &file))
        {
            let path = existing_dockerfile(path).unwrap_or_else(|| path.clone());
            flags.push(path.into());
            if source.target.is_some() {
                let target = file.stages[build.target_stage].name.as_deref();
                flags.push("--target".into());
                flags.push(target.unwrap_or_default().into());
            }
        } else {
            let copy = scratch.join(format!("{number}.classic.Dockerfile"));
            let text = rewritten(build, &file, substitutes);
            std::fs::write(&copy, text).map_err(|source| Error::new(&copy, source))?;
            flags.push(copy.into());
        }
        flags.extend(key_flags(build, source, &file, engine));
        Ok(Some(Self {
            flags,
            context: context.clone(),
        }))
    }
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
