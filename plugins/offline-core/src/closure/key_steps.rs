//! The instructions that cache keys are made of, in their order.

use super::model::{KeyStep, StageBase, StageClosure};
use super::network_tools::network_tool;
use super::run_text::executed;
use super::stages::Walker;
use crate::dockerfile::{Copy, Environment, Instruction, InstructionKind, RemoteSource, Run};

impl Walker<'_, '_> {
    /// The step of a FROM, once what it starts from is known.
    pub(super) fn from_step(stage: &StageClosure) -> KeyStep {
        let base = match &stage.base {
            StageBase::Stage(index) => format!("stage {index}"),
            StageBase::Image(reference) => reference.to_string(),
            StageBase::SiblingService(service) => format!("service {service}"),
            StageBase::Context(name) => format!("context {name}"),
            StageBase::Scratch => "scratch".into(),
        };
        KeyStep {
            line: stage.line,
            keyword: "FROM",
            text: format!("FROM {base} ({})", stage.platform),
            sources: Vec::new(),
            stages: Vec::new(),
            network_tool: None,
        }
    }

    /// The step of another instruction; nothing for those that no key depends
    /// on (CMD, LABEL, EXPOSE and their like). `written` is its text in the
    /// file, absent for what an ONBUILD of another service triggers.
    pub(super) fn key_step(
        &self,
        instruction: &Instruction,
        written: Option<String>,
        before: &Environment,
        after: &Environment,
    ) -> Option<KeyStep> {
        let mut step = KeyStep {
            line: instruction.line,
            keyword: "RUN",
            text: String::new(),
            sources: Vec::new(),
            stages: Vec::new(),
            network_tool: None,
        };
        let written = written.unwrap_or_default();
        let expanded = |text: &str| {
            self.expanded(text, before, instruction.line)
                .unwrap_or_else(|_| text.to_owned())
        };
        match &instruction.kind {
            InstructionKind::Run(run) => {
                step.text = if written.is_empty() {
                    format!("RUN {}", run.command)
                } else {
                    written
                };
                self.mounted(run, &mut step, &expanded);
                step.network_tool = network_tool(&executed(run));
            }
            InstructionKind::Copy(copy) => self.copied("COPY", copy, &mut step, &expanded),
            InstructionKind::Add(add) => self.copied("ADD", add, &mut step, &expanded),
            InstructionKind::Arg(args) => {
                step.keyword = "ARG";
                let values = args.iter().map(|arg| match after.get(&arg.name) {
                    Some(value) => format!("{}={value}", arg.name),
                    None => arg.name.clone(),
                });
                step.text = format!("ARG {}", values.collect::<Vec<_>>().join(" "));
            }
            InstructionKind::Env(pairs) => {
                step.keyword = "ENV";
                let values = pairs
                    .iter()
                    .map(|(name, value)| format!("{name}={}", expanded(value)));
                step.text = format!("ENV {}", values.collect::<Vec<_>>().join(" "));
            }
            InstructionKind::Other(keyword @ ("WORKDIR" | "USER" | "SHELL")) => {
                step.keyword = keyword;
                step.text = expanded(&written);
            }
            InstructionKind::Onbuild(_) | InstructionKind::Other(_) => return None,
        }
        Some(step)
    }

    fn mounted(&self, run: &Run, step: &mut KeyStep, expanded: &impl Fn(&str) -> String) {
        for mount in run.mounts.iter().filter(|m| m.mount_type == "bind") {
            match mount.from.as_deref() {
                None => {
                    let source = mount.source.as_deref().unwrap_or(".");
                    step.sources.push(expanded(source));
                }
                Some(from) => step.stages.extend(self.graph.named(from)),
            }
        }
    }

    fn copied(
        &self,
        keyword: &'static str,
        copy: &Copy,
        step: &mut KeyStep,
        expanded: &impl Fn(&str) -> String,
    ) {
        step.keyword = keyword;
        let sources: Vec<String> = copy.sources.iter().map(|s| expanded(s)).collect();
        let mut words = vec![keyword.to_owned()];
        words.extend(copy.from.iter().map(|from| format!("--from={from}")));
        words.extend(copy.chmod.iter().map(|mode| format!("--chmod={mode}")));
        words.extend(copy.chown.iter().map(|owner| format!("--chown={owner}")));
        words.extend(copy.checksum.iter().map(|sum| format!("--checksum={sum}")));
        words.extend(copy.link.then(|| "--link".to_owned()));
        words.extend(sources.iter().cloned());
        words.extend(
            copy.heredocs
                .iter()
                .map(|body| format!("<<{}", expanded(body))),
        );
        words.push(expanded(&copy.destination));
        step.text = words.join(" ");
        if let Some(from) = copy.from.as_deref() {
            let number = from.parse::<usize>().ok();
            step.stages
                .extend(number.or_else(|| self.graph.named(from)));
        } else {
            let local = |source: &String| keyword == "COPY" || RemoteSource::of(source).is_none();
            step.sources = sources.into_iter().filter(local).collect();
        }
    }
}

/// The text of each instruction of a stage, its lines joined as BuildKit joins
/// them: comments between them left out, whitespace kept.
pub(super) fn written(text: &str, lines: &[u32], end: u32, escape: char) -> Vec<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let all: Vec<&str> = text.lines().collect();
    let ends = lines.iter().skip(1).copied().chain([end]);
    lines
        .iter()
        .zip(ends)
        .map(|(from, to)| {
            let range = (*from as usize).saturating_sub(1)..(to as usize).saturating_sub(1);
            let part = all.get(range).unwrap_or_default();
            if part.first().is_some_and(|first| first.contains("<<")) {
                return part.join("\n").trim_end().to_owned();
            }
            let kept = part
                .iter()
                .filter(|line| !line.trim_start().starts_with('#'));
            let joined: String = kept
                .map(|line| {
                    let line = line.trim_end();
                    line.strip_suffix(escape).unwrap_or(line)
                })
                .collect();
            joined.trim().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_no_part_of_a_step_and_whitespace_is() {
        let text = "FROM x\n# why\nRUN a \\\n  # not this\n  b\n\nCOPY c d\n# end\n";
        assert_eq!(written(text, &[3, 7], 9, '\\'), ["RUN a   b", "COPY c d"]);
        let heredoc = "FROM x\nRUN <<EOF\n# kept\nEOF\n";
        assert_eq!(written(heredoc, &[2], 5, '\\'), ["RUN <<EOF\n# kept\nEOF"]);
    }
}
