//! RUN, COPY and ADD of a stage.

use super::network_tools::network_tool;
use super::run_text::{executed, one_line};
use super::stages::Walker;
use super::{CopyStep, Error, Role, RunStep, StageClosure, Unbundled};
use crate::dockerfile::{Copy, Environment, Instruction, InstructionKind, RemoteSource, Run};

impl Walker<'_, '_> {
    pub(super) fn instruction(
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
        let mut all = Vec::new();
        for source in &copy.sources {
            all.push(self.expanded(source, environment, line)?);
        }
        if is_add && self.carries(copy, &all, line, stage, environment)? {
            return Ok(());
        }
        let mut sources = Vec::new();
        for source in all {
            match RemoteSource::of(&source).filter(|_| is_add) {
                Some(remote) => {
                    stage.remote_adds.push((line, remote));
                    self.needs.unbundled(Unbundled {
                        kind: match remote {
                            RemoteSource::Url => "add-url",
                            RemoteSource::Git => "add-git",
                        },
                        what: source,
                        service: self.service.to_owned(),
                        file: self.source.path.clone(),
                        line: self.source.location(line).line,
                    });
                }
                None => sources.push(source),
            }
        }
        if !sources.is_empty() {
            stage.copies.push(CopyStep::new(line, copy, sources));
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
}

impl CopyStep {
    /// The step of a COPY or an ADD, or of a part of it, with its ARGs expanded.
    pub(super) fn new(line: u32, copy: &Copy, sources: Vec<String>) -> Self {
        let filtered = copy.flags.iter().any(|f| f == "exclude" || f == "parents");
        Self {
            line,
            by_pattern: filtered || sources.iter().any(|source| has_wildcard(source)),
            sources,
        }
    }
}

/// `containsWildcards` of BuildKit's `solver/llbsolver/ops/file.go`: a backslash takes
/// the meaning from what follows.
fn has_wildcard(source: &str) -> bool {
    let mut characters = source.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => {
                characters.next();
            }
            '*' | '?' | '[' => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::has_wildcard;

    #[test]
    fn what_is_a_pattern() {
        for (source, expected) in [
            ("package*.json", true),
            ("src/[ab].c", true),
            ("a?", true),
            ("package.json", false),
            (r"odd\*name", false),
            (r"odd\\*", true),
        ] {
            assert_eq!(has_wildcard(source), expected, "{source}");
        }
    }
}
