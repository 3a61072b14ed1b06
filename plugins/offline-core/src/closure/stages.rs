//! The reachable stages of one build and what they use.

use std::collections::{BTreeMap, BTreeSet};

use super::contexts::Contexts;
use super::externals::{External, base_of, used};
use super::key_steps::written;
use super::needs::Needs;
use super::siblings::Siblings;
use super::source::Source;
use super::stage_graph::{From, StageGraph};
use super::{Error, Role, StageBase, StageClosure};
use crate::dockerfile::{BuildArgs, Environment, Instruction, InstructionKind, Sources, expand};

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
    /// The lines of ADDs that are read from what was fetched, with the files there.
    pub(super) carried_adds: BTreeMap<u32, Sources>,
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
        let mut stage = self.begun(index, &platform);
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
                stage.named_contexts.push((from.line, name.to_owned()));
                let found = self.context(name, context, from.line, &platform);
                used(&mut stage, &found);
                stage.base = base_of(found);
                stage.replaced = true;
                stage.steps.push(Self::from_step(&stage));
                // The stage's own instructions do not run at all.
                return Ok(stage);
            }
            From::External(name) => {
                self.note_context(name, from.line, &mut stage);
                Some(self.external(name, "FROM", Role::Base, from.line, &platform)?)
            }
        };
        if let Some(found) = base {
            if let External::Sibling(service) = &found {
                triggers = (self.triggers_of)(service)?;
            }
            used(&mut stage, &found);
            stage.base = base_of(found);
        }
        let triggers = triggers.into_iter().map(|trigger| Instruction {
            line: from.line,
            ..trigger
        });
        stage.steps.push(Self::from_step(&stage));
        let triggered = triggers.map(|instruction| (instruction, None));
        let own = from.instructions.iter().cloned();
        let texts = self.written(index).into_iter().map(Some);
        for (instruction, text) in triggered.chain(own.zip(texts)) {
            let before = environment.clone();
            self.instruction(&instruction, &mut stage, &mut environment)?;
            let step = self.key_step(&instruction, text, &before, &environment);
            stage.steps.extend(step);
        }
        stage.depends_on.sort_unstable();
        stage.depends_on.dedup();
        stage.images.sort();
        stage.images.dedup();
        environments.insert(index, environment);
        Ok(stage)
    }

    /// A stage of which nothing but its name and place is known.
    fn begun(&self, index: usize, platform: &str) -> StageClosure {
        StageClosure {
            index,
            name: self.names[index].clone(),
            line: self.source.dockerfile.stages[index].line,
            base: StageBase::Scratch,
            replaced: false,
            platform: platform.to_owned(),
            depends_on: Vec::new(),
            sibling_services: BTreeSet::new(),
            images: Vec::new(),
            runs: Vec::new(),
            copy_links: Vec::new(),
            copies: Vec::new(),
            remote_adds: Vec::new(),
            named_contexts: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// What stands in the file, for each instruction of a stage.
    fn written(&self, index: usize) -> Vec<String> {
        let stages = &self.source.dockerfile.stages;
        let lines: Vec<u32> = stages[index].instructions.iter().map(|i| i.line).collect();
        let end = stages.get(index + 1).map_or(u32::MAX, |next| next.line);
        let end = end.min(u32::try_from(self.source.text.lines().count()).unwrap_or(u32::MAX) + 1);
        written(
            &self.source.text,
            &lines,
            end,
            self.source.dockerfile.escape,
        )
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

    pub(super) fn set_variables(
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

    pub(super) fn expanded(
        &self,
        text: &str,
        environment: &Environment,
        line: u32,
    ) -> Result<String, Error> {
        expand(text, environment, self.source.dockerfile.escape)
            .map_err(|why| self.broken(line, why))
    }

    pub(super) fn broken(&self, line: u32, why: String) -> Error {
        let path = self.source.path.clone();
        let error = crate::dockerfile::Error { path, line, why };
        self.source.error(self.service, error)
    }
}
