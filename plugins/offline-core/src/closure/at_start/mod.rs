//! What a service asks a network for when it starts, and what of it is no image.
//!
//! A bundle carries images and what builds fetch; what a container fetches when it
//! runs is in neither. So it is found in the texts that say what will run: commands
//! of the Compose file and of the Dockerfile, the scripts that they name, and
//! Python sources that load models. Nothing is run; what is found is named, and
//! never refused.

mod commands;
mod folders;
mod python;
mod scripts;

use std::path::Path;

use super::{BuildClosure, StageBase, Unbundled};
use crate::dockerfile::{self, InstructionKind};
use crate::project::{BuildContext, Location, Project, Service};
use commands::Asks;
use folders::Folders;

pub(crate) use python::is_told_that_the_hub_is_off;

/// The kinds of [`Unbundled`] that are asked for when a container starts.
pub const AT_START: [&str; 5] = [
    "start-command",
    "start-script",
    "start-python",
    "model",
    "provider",
];

/// Everything that this service asks for when it starts.
pub(super) fn find(
    project: &Project,
    service: &Service,
    build: Option<&BuildClosure>,
) -> Vec<Unbundled> {
    let mut found = Found {
        service,
        fallback: service
            .location
            .clone()
            .or_else(|| project.files.first().map(|f| Location::new(f, None)))
            .unwrap_or_else(|| Location::new("compose.yaml", None)),
        all: Vec::new(),
    };
    for (model, location) in &service.starts.models {
        found.add("model", model.clone(), location.as_ref());
    }
    if let Some((provider, location)) = &service.starts.provider {
        found.add("provider", provider.clone(), location.as_ref());
    }
    let folders = Folders::of(service, build);
    let mut scripts = Vec::new();
    for (words, location) in started(service, build) {
        for asks in commands::of_words(&words) {
            found.add("start-command", asks.what, location.as_ref());
        }
        scripts.extend(folders.named_in(&words));
    }
    found.environment();
    for (file, asks) in scripts::asked(&scripts, &folders) {
        let Asks { what, line } = asks;
        found.add("start-script", what, Some(&Location::new(file, Some(line))));
    }
    for (file, asks) in python::asked(service, build, &folders) {
        let Asks { what, line } = asks;
        found.add("start-python", what, Some(&Location::new(file, Some(line))));
    }
    found.all
}

struct Found<'a> {
    service: &'a Service,
    fallback: Location,
    all: Vec<Unbundled>,
}

impl Found<'_> {
    fn add(&mut self, kind: &'static str, what: String, location: Option<&Location>) {
        let location = location.unwrap_or(&self.fallback);
        self.all.push(Unbundled {
            kind,
            what,
            service: self.service.name.clone(),
            file: location.file.clone(),
            line: location.line,
        });
    }

    /// Model servers that take the name of a model from a variable.
    fn environment(&mut self) {
        let environment = &self.service.starts.environment;
        for name in ["MODEL_ID", "HF_MODEL_ID"] {
            if let Some(Some(value)) = environment.get(name)
                && commands::is_hub_name(value)
            {
                self.add("start-command", format!("{name}={value}"), None);
            }
        }
    }
}

/// The commands that a container of this service begins with: those of the Compose
/// file, and those of the image that it does not replace.
fn started(
    service: &Service,
    build: Option<&BuildClosure>,
) -> Vec<(Vec<String>, Option<Location>)> {
    let own = &service.starts.commands;
    let mut all: Vec<_> = own
        .iter()
        .map(|c| (c.words.clone(), c.location.clone()))
        .collect();
    let has = |key: &str| own.iter().any(|c| c.key == key);
    // Another entrypoint takes the image's CMD away, too.
    let of_image: &[&str] = match (has("entrypoint"), has("command")) {
        (true, _) => &[],
        (false, true) => &["ENTRYPOINT"],
        (false, false) => &["ENTRYPOINT", "CMD"],
    };
    if let Some(build) = build {
        for keyword in of_image {
            all.extend(of_dockerfile(build, keyword));
        }
    }
    all
}

/// The last instruction of this keyword in the target, or in what it starts from.
fn of_dockerfile(build: &BuildClosure, keyword: &str) -> Option<(Vec<String>, Option<Location>)> {
    let file = dockerfile::parse(&build.named_dockerfile, &build.dockerfile_path).ok()?;
    for index in chain(build) {
        let stage = file.stages.get(index)?;
        let last = stage.instructions.iter().rev().find_map(|i| match i.kind {
            InstructionKind::Other(word) if word == keyword => Some(i.line),
            _ => None,
        });
        let Some(line) = last else { continue };
        let end = u32::try_from(build.named_dockerfile.lines().count()).unwrap_or(u32::MAX) + 1;
        let next = stage
            .instructions
            .iter()
            .map(|i| i.line)
            .find(|l| *l > line);
        let next_stage = file.stages.get(index + 1).map(|s| s.line);
        let end = next.or(next_stage).unwrap_or(end);
        let text = super::key_steps::written(&build.named_dockerfile, &[line], end, file.escape);
        let text = text.first()?.trim().get(keyword.len()..)?.trim().to_owned();
        let words = serde_json::from_str::<Vec<String>>(&text).unwrap_or_else(|_| vec![text]);
        return Some((words, Some(build.location(line))));
    }
    None
}

/// The target and the stages of the same file that it is built upon.
fn chain(build: &BuildClosure) -> Vec<usize> {
    let mut chain = vec![build.target_stage];
    while let Some(StageBase::Stage(base)) = chain
        .last()
        .and_then(|index| build.stage(*index))
        .map(|stage| &stage.base)
    {
        if chain.contains(base) {
            break;
        }
        chain.push(*base);
    }
    chain
}

/// The folder that a build copies from, if it is here.
fn context(build: &BuildClosure) -> Option<&Path> {
    match &build.context {
        BuildContext::Directory(folder) => Some(folder),
        BuildContext::Remote(_) => None,
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
