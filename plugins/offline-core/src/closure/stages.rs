//! The reachable stages of one build and what they use.

use std::collections::{BTreeMap, BTreeSet};

use super::contexts::Contexts;
use super::needs::Needs;
use super::network_tools::network_tool;
use super::run_text::{executed, one_line};
use super::siblings::Siblings;
use super::source::Source;
use super::stage_graph::{From, StageGraph};
use super::{CopyStep, Error, Role, RunStep, StageBase, StageClosure, Unbundled};
use crate::dockerfile::{
    BuildArgs, Copy, Environment, Instruction, InstructionKind, RemoteSource, Run, expand,
};
use crate::project::NamedContext;
use crate::reference::ImageReference;

/// Walks one build.
pub(super) struct Walker<'a, 'n> {
    pub(super) service: &'a str,
    pub(super) source: &'a Source,
    pub(super) args: &'a BuildArgs,
    pub(super) contexts: &'a Contexts<'a>,
    pub(super) graph: &'a StageGraph<'a>,
    pub(super) siblings: &'a Siblings<'a>,
    pub(super) names: &'a [String],
    /// What building upon a sibling's image triggers.
    pub(super) triggers_of: &'a dyn Fn(&str) -> Result<Vec<Instruction>, Error>,
    pub(super) needs: &'n mut Needs,
}

/// What a name outside the file turned out to be.
enum External {
    Image(ImageReference),
    Sibling(String),
    Context(String),
    Nothing,
}

impl Walker<'_, '_> {
    /// The stages that the target needs, in the order of the file.
    pub(super) fn walk(&mut self, target: usize) -> Result<Vec<StageClosure>, Error> {
        let mut stages = BTreeMap::new();
        let mut environments = BTreeMap::new();
        let mut waiting = vec![target];
        while let Some(index) = waiting.pop() {
            if stages.contains_key(&index) {
                continue;
            }
            let stage = self.stage(index, &mut environments)?;
            waiting.extend(&stage.depends_on);
            stages.insert(index, stage);
        }
        Ok(stages.into_values().collect())
    }

    fn stage(
        &mut self,
        index: usize,
        environments: &mut BTreeMap<usize, Environment>,
    ) -> Result<StageClosure, Error> {
        let from = &self.source.dockerfile.stages[index];
        let platform = self.graph.platforms[index]
            .as_ref()
            .unwrap_or(&self.args.target_platform)
            .to_string();
        let mut stage = StageClosure {
            index,
            name: self.names[index].clone(),
            line: from.line,
            base: StageBase::Scratch,
            platform: platform.clone(),
            depends_on: Vec::new(),
            sibling_services: BTreeSet::new(),
            images: Vec::new(),
            runs: Vec::new(),
            copy_links: Vec::new(),
            copies: Vec::new(),
        };
        let mut environment = Environment::new();
        let mut triggers = Vec::new();
        let base = match &self.graph.froms[index] {
            From::Stage(base) => {
                stage.base = StageBase::Stage(*base);
                stage.depends_on.push(*base);
                environment = self.environment_after(*base, environments)?;
                triggers = super::stage_graph::triggers(self.source, *base);
                None
            }
            From::Scratch => None,
            From::Replaced(context) => {
                let name = from.name.as_deref().unwrap_or(&from.from);
                let found = self.context(name, context, from.line, &platform)?;
                self.used(&mut stage, &found);
                stage.base = base_of(found);
                // The stage's own instructions do not run at all.
                return Ok(stage);
            }
            From::External(name) => {
                Some(self.external(name, "FROM", Role::Base, from.line, &platform)?)
            }
        };
        if let Some(found) = base {
            if let External::Sibling(service) = &found {
                triggers = (self.triggers_of)(service)?;
            }
            self.used(&mut stage, &found);
            stage.base = base_of(found);
        }
        let triggers = triggers.into_iter().map(|trigger| Instruction {
            line: from.line,
            ..trigger
        });
        let own = from.instructions.iter().cloned();
        for instruction in triggers.chain(own) {
            self.instruction(&instruction, &mut stage, &mut environment)?;
        }
        stage.depends_on.sort_unstable();
        stage.depends_on.dedup();
        stage.images.sort();
        stage.images.dedup();
        environments.insert(index, environment);
        Ok(stage)
    }

    /// ARG and ENV are inherited from stage to stage (BuildKit keeps both in
    /// the state a stage starts from).
    fn environment_after(
        &self,
        index: usize,
        known: &mut BTreeMap<usize, Environment>,
    ) -> Result<Environment, Error> {
        if let Some(environment) = known.get(&index) {
            return Ok(environment.clone());
        }
        let mut environment = match &self.graph.froms[index] {
            From::Stage(base) => self.environment_after(*base, known)?,
            _ => Environment::new(),
        };
        for instruction in &self.source.dockerfile.stages[index].instructions {
            self.set_variables(instruction, &mut environment)?;
        }
        known.insert(index, environment.clone());
        Ok(environment)
    }

    fn set_variables(
        &self,
        instruction: &Instruction,
        environment: &mut Environment,
    ) -> Result<(), Error> {
        let escape = self.source.dockerfile.escape;
        match &instruction.kind {
            InstructionKind::Arg(args) => {
                for arg in args {
                    self.args
                        .declare(arg, &self.graph.globals, environment, escape)
                        .map_err(|e| self.source.error(self.service, e))?;
                }
            }
            InstructionKind::Env(pairs) => {
                let before = environment.clone();
                for (name, value) in pairs {
                    let value = self.expanded(value, &before, instruction.line)?;
                    environment.insert(name.clone(), value);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn instruction(
        &mut self,
        instruction: &Instruction,
        stage: &mut StageClosure,
        environment: &mut Environment,
    ) -> Result<(), Error> {
        let line = instruction.line;
        match &instruction.kind {
            InstructionKind::Run(run) => self.run(run, line, stage, environment),
            InstructionKind::Copy(copy) => self.copy(copy, false, line, stage, environment),
            InstructionKind::Add(add) => self.copy(add, true, line, stage, environment),
            _ => self.set_variables(instruction, environment),
        }
    }

    fn run(
        &mut self,
        run: &Run,
        line: u32,
        stage: &mut StageClosure,
        environment: &Environment,
    ) -> Result<(), Error> {
        let mut mounts = Vec::new();
        for mount in &run.mounts {
            mounts.push(self.expanded(&mount.mount_type, environment, line)?);
            // Unlike COPY --from, a number is no stage here (`detectRunMount`).
            let Some(from) = mount.from.as_deref() else {
                continue;
            };
            match self.graph.named(from) {
                Some(index) => self.depends(stage, index, line)?,
                None => self.use_image(from, "RUN --mount=from", Role::MountFrom, line, stage)?,
            }
        }
        stage.runs.push(RunStep {
            line,
            command: one_line(run),
            mounts,
            network_tool: network_tool(&executed(run)),
        });
        Ok(())
    }

    fn copy(
        &mut self,
        copy: &Copy,
        is_add: bool,
        line: u32,
        stage: &mut StageClosure,
        environment: &Environment,
    ) -> Result<(), Error> {
        if copy.link {
            stage.copy_links.push(line);
        }
        if let Some(from) = copy.from.as_deref().filter(|_| !is_add) {
            return match from.parse::<usize>() {
                Ok(index) if index < self.graph.froms.len() => self.depends(stage, index, line),
                Ok(index) => Err(self.broken(line, format!("invalid stage index {index}"))),
                Err(_) => match self.graph.named(from) {
                    Some(index) => self.depends(stage, index, line),
                    None if from.contains('$') => Err(self.broken(
                        line,
                        "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround".to_owned(),
                    )),
                    None => self.use_image(from, "COPY --from", Role::CopyFrom, line, stage),
                },
            };
        }
        let mut sources = Vec::new();
        for source in &copy.sources {
            let source = self.expanded(source, environment, line)?;
            match RemoteSource::of(&source).filter(|_| is_add) {
                Some(remote) => self.needs.unbundled(Unbundled {
                    kind: match remote {
                        RemoteSource::Url => "add-url",
                        RemoteSource::Git => "add-git",
                    },
                    what: source,
                    service: self.service.to_owned(),
                    file: self.source.path.clone(),
                    line: self.source.location(line).line,
                }),
                None => sources.push(source),
            }
        }
        if !sources.is_empty() {
            stage.copies.push(CopyStep { line, sources });
        }
        Ok(())
    }

    fn depends(&self, stage: &mut StageClosure, on: usize, line: u32) -> Result<(), Error> {
        // A stage may use itself or a later one only by mistake; BuildKit
        // refuses both.
        if on >= stage.index {
            let name = |index: usize| format!("stage {}", self.names[index]);
            return Err(Error::Cycle {
                path: vec![name(stage.index), name(on)],
                location: self.source.location(line),
            });
        }
        stage.depends_on.push(on);
        Ok(())
    }

    /// Images of COPY --from and mounts are of the target platform, whatever
    /// platform the stage has (their dispatch state has none of its own).
    fn use_image(
        &mut self,
        name: &str,
        what: &str,
        role: Role,
        line: u32,
        stage: &mut StageClosure,
    ) -> Result<(), Error> {
        let platform = self.args.target_platform.to_string();
        let found = self.external(name, what, role, line, &platform)?;
        self.used(stage, &found);
        Ok(())
    }

    fn used(&self, stage: &mut StageClosure, found: &External) {
        match found {
            External::Image(image) => stage.images.push(image.clone()),
            External::Sibling(service) => {
                stage.sibling_services.insert(service.clone());
            }
            External::Context(_) | External::Nothing => {}
        }
    }

    fn external(
        &mut self,
        name: &str,
        what: &str,
        role: Role,
        line: u32,
        platform: &str,
    ) -> Result<External, Error> {
        if name == "scratch" {
            return Ok(External::Nothing);
        }
        if let Some(context) = self.contexts.get(name) {
            return self.context(name, context, line, platform);
        }
        let image = ImageReference::parse(name).map_err(|source| Error::Reference {
            service: self.service.to_owned(),
            what: what.to_owned(),
            location: self.source.location(line),
            source,
        })?;
        Ok(self.image(image, role, platform))
    }

    fn context(
        &mut self,
        name: &str,
        context: &NamedContext,
        line: u32,
        platform: &str,
    ) -> Result<External, Error> {
        Ok(match context {
            NamedContext::Image(image) => self.image(image.clone(), Role::Context, platform),
            NamedContext::Service(service) => External::Sibling(service.clone()),
            NamedContext::Directory(_) | NamedContext::OciLayout(_) => {
                External::Context(name.to_owned())
            }
            NamedContext::Remote(url) => {
                self.needs.unbundled(Unbundled {
                    kind: super::resolve::remote_kind(url),
                    what: url.clone(),
                    service: self.service.to_owned(),
                    file: self.source.path.clone(),
                    line: self.source.location(line).line,
                });
                External::Context(name.to_owned())
            }
        })
    }

    fn image(&mut self, image: ImageReference, role: Role, platform: &str) -> External {
        if let Some(service) = self.siblings.builder(&image, self.service) {
            return External::Sibling(service.to_owned());
        }
        self.needs.image(&image, platform, role, self.service);
        External::Image(image)
    }

    fn expanded(&self, text: &str, environment: &Environment, line: u32) -> Result<String, Error> {
        expand(text, environment, self.source.dockerfile.escape)
            .map_err(|why| self.broken(line, why))
    }

    fn broken(&self, line: u32, why: String) -> Error {
        let path = self.source.path.clone();
        let error = crate::dockerfile::Error { path, line, why };
        self.source.error(self.service, error)
    }
}

fn base_of(found: External) -> StageBase {
    match found {
        External::Image(image) => StageBase::Image(image),
        External::Sibling(service) => StageBase::SiblingService(service),
        External::Context(name) => StageBase::Context(name),
        External::Nothing => StageBase::Scratch,
    }
}
