//! Which stage starts from what: names, ARGs and platforms of all FROMs.

use std::collections::BTreeMap;

use super::Error;
use super::contexts::Contexts;
use super::source::Source;
use crate::dockerfile::{BuildArgs, Environment, Instruction, InstructionKind, Platform, expand};
use crate::project::NamedContext;

/// What the FROM of a stage means.
pub(super) enum From<'a> {
    Stage(usize),
    Scratch,
    /// The stage's own name is a named context, which takes its place whole.
    Replaced(&'a NamedContext),
    /// An image, or a named context of that name.
    External(String),
}

pub(super) struct StageGraph<'a> {
    pub(super) froms: Vec<From<'a>>,
    pub(super) platforms: Vec<Option<Platform>>,
    pub(super) globals: Environment,
    names: BTreeMap<String, usize>,
}

impl<'a> StageGraph<'a> {
    /// As BuildKit's `buildDispatchStates`: every FROM is expanded, reachable or
    /// not; a name means the last stage of that name before it.
    pub(super) fn new(
        source: &Source,
        service: &str,
        args: &BuildArgs,
        contexts: &Contexts<'a>,
    ) -> Result<Self, Error> {
        let file = &source.dockerfile;
        let fail = |line, why: String| {
            let path = source.path.clone();
            source.error(service, crate::dockerfile::Error { path, line, why })
        };
        let globals = args.global(file).map_err(|e| source.error(service, e))?;
        let mut graph = Self {
            froms: Vec::new(),
            platforms: Vec::new(),
            globals,
            names: BTreeMap::new(),
        };
        for stage in &file.stages {
            let expanded = |text: &str| {
                expand(text, &graph.globals, file.escape).map_err(|why| fail(stage.line, why))
            };
            let base = expanded(&stage.from)?;
            if base.is_empty() {
                let why = format!("base name ({}) should not be blank", stage.from);
                return Err(fail(stage.line, why));
            }
            let platform = match &stage.platform {
                None => None,
                Some(text) => {
                    let platform = expanded(text)?;
                    Some(platform.parse().map_err(|_| Error::Platform {
                        service: service.to_owned(),
                        platform,
                        location: source.location(stage.line),
                    })?)
                }
            };
            let replaced = stage.name.as_deref().and_then(|name| contexts.get(name));
            let from = match (replaced, graph.names.get(&base.to_ascii_lowercase())) {
                (Some(context), _) => From::Replaced(context),
                (None, Some(index)) => From::Stage(*index),
                (None, None) if base == "scratch" => From::Scratch,
                (None, None) => From::External(base),
            };
            let inherited = match from {
                From::Stage(index) => graph.platforms[index].clone(),
                _ => None,
            };
            graph.platforms.push(platform.or(inherited));
            graph.froms.push(from);
            if let Some(name) = &stage.name {
                graph.names.insert(name.to_ascii_lowercase(), stage.index);
            }
        }
        Ok(graph)
    }

    /// The stage of this name anywhere in the file, the last one if several.
    pub(super) fn named(&self, name: &str) -> Option<usize> {
        self.names.get(&name.to_ascii_lowercase()).copied()
    }

    /// The number of the stage that is built, `None` if there is none of that
    /// name.
    pub(super) fn target(&self, name: Option<&str>) -> Option<usize> {
        match name {
            Some(name) => self.named(name),
            None => self.froms.len().checked_sub(1),
        }
    }
}

/// What building upon this stage triggers: its own ONBUILDs, not inherited ones
/// (`ds.image.Config.OnBuild = nil` in `convert.go`).
pub(super) fn triggers(source: &Source, stage: usize) -> Vec<Instruction> {
    source.dockerfile.stages[stage]
        .instructions
        .iter()
        .filter_map(|i| match &i.kind {
            InstructionKind::Onbuild(inner) => Some((**inner).clone()),
            _ => None,
        })
        .collect()
}
