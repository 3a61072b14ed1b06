use std::path::Path;

use parse_dockerfile as syntax;

use super::beyond::{self, Apart, ApartKind};
use super::heredocs::{Masked, mask};
use super::words::{env_pairs, split_words};
use super::{
    Arg, Copy, Dockerfile, Error, Instruction, InstructionKind, Run, Stage, directives, flags,
};

pub(crate) const BYTE_ORDER_MARK: char = '\u{feff}';

/// Parses a Dockerfile; `path` is only used in errors.
///
/// Line ends may be CRLF, and a byte order mark is skipped.
pub fn parse(text: &str, path: &Path) -> Result<Dockerfile, Error> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    parse_text(text).map_err(|error| error.in_file(path))
}

fn parse_text(text: &str) -> Result<Dockerfile, Error> {
    let directives = directives::read(text)?;
    let mut masked = mask(text, directives.escape)?;
    let line_starts: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
    let frontend = directives.syntax.is_some();
    let read_apart = beyond::take_out(&mut masked, &line_starts, frontend)?;
    let reader = Reader {
        text,
        masked: &masked,
        escape: directives.escape,
        line_starts,
    };
    let mut dockerfile = Dockerfile {
        syntax: directives.syntax,
        escape: directives.escape,
        global_args: Vec::new(),
        stages: Vec::new(),
        not_understood: Vec::new(),
    };
    // Not `syntax::parse`, which refuses two stages of one name; BuildKit does not.
    for instruction in syntax::parse_iter(&masked.text).map_err(|e| located(&e))? {
        match instruction.map_err(|e| located(&e))? {
            syntax::Instruction::From(from) => {
                let stage = reader.stage(dockerfile.stages.len(), &from)?;
                dockerfile.stages.push(stage);
            }
            other => match (dockerfile.stages.last_mut(), other) {
                (Some(stage), other) => stage.instructions.push(reader.instruction(&other)),
                (None, syntax::Instruction::Arg(arg)) => {
                    dockerfile.global_args.extend(reader.args(&arg));
                }
                (None, other) => {
                    let line = reader.instruction(&other).line;
                    return Err(no_stage_yet(line));
                }
            },
        }
    }
    if dockerfile.stages.is_empty() {
        return Err(Error::at(1, "there is no FROM, so nothing to build"));
    }
    for apart in read_apart {
        let line = reader.line(apart.start);
        dockerfile.put_back(line, apart)?;
    }
    Ok(dockerfile)
}

impl Dockerfile {
    /// Puts an instruction that was read apart where it stands in the file.
    fn put_back(&mut self, line: u32, apart: Apart) -> Result<(), Error> {
        let kind = match apart.kind {
            ApartKind::Instruction(InstructionKind::Onbuild(inner)) => {
                InstructionKind::Onbuild(Box::new(Instruction {
                    line,
                    kind: inner.kind,
                }))
            }
            ApartKind::Instruction(kind) => kind,
            ApartKind::Unknown(keyword) => {
                self.not_understood.push((line, keyword));
                return Ok(());
            }
        };
        let stage = self.stages.iter_mut().rev().find(|s| s.line < line);
        let stage = stage.ok_or_else(|| no_stage_yet(line))?;
        let at = stage.instructions.partition_point(|i| i.line < line);
        stage.instructions.insert(at, Instruction { line, kind });
        Ok(())
    }
}

fn no_stage_yet(line: u32) -> Error {
    Error::at(line, "no build stage yet: expected FROM")
}

fn located(error: &syntax::Error) -> Error {
    let line = u32::try_from(error.line()).map_or(u32::MAX, |line| line.max(1));
    Error::at(line, format!("{error:#}"))
}

struct Reader<'a> {
    text: &'a str,
    masked: &'a Masked,
    escape: char,
    line_starts: Vec<usize>,
}

impl Reader<'_> {
    fn line(&self, position: usize) -> u32 {
        let before = self.line_starts.partition_point(|start| *start <= position);
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    }

    fn stage(&self, index: usize, from: &syntax::FromInstruction<'_>) -> Result<Stage, Error> {
        let line = self.line(from.from.span.start);
        let name = from.as_.as_ref().map(|(_, name)| name.value.to_string());
        if name.as_deref().is_some_and(|n| !is_stage_name(n)) {
            let name = name.unwrap_or_default();
            return Err(Error::at(
                line,
                format!("invalid name for build stage: {name:?}"),
            ));
        }
        Ok(Stage {
            index,
            name,
            line,
            from: from.image.value.to_string(),
            platform: flags::platform(&from.options),
            instructions: Vec::new(),
            from_end: from.image.span.end,
        })
    }

    fn instruction(&self, instruction: &syntax::Instruction<'_>) -> Instruction {
        use InstructionKind::Other;
        use syntax::Instruction as I;
        let (start, kind) = match instruction {
            I::Run(run) => (run.run.span.start, InstructionKind::Run(self.run(run))),
            I::Copy(copy) => {
                let found = self.copy(
                    copy.copy.span.start,
                    &copy.options,
                    &copy.src,
                    &copy.dest.value,
                );
                (copy.copy.span.start, InstructionKind::Copy(found))
            }
            I::Add(add) => {
                let found = self.copy(add.add.span.start, &add.options, &add.src, &add.dest.value);
                (add.add.span.start, InstructionKind::Add(found))
            }
            I::Arg(arg) => (arg.arg.span.start, InstructionKind::Arg(self.args(arg))),
            I::Env(env) => (
                env.env.span.start,
                InstructionKind::Env(env_pairs(&env.arguments.value, self.escape)),
            ),
            I::Onbuild(onbuild) => {
                let inner = self.instruction(&onbuild.instruction);
                (
                    onbuild.onbuild.span.start,
                    InstructionKind::Onbuild(Box::new(inner)),
                )
            }
            I::Cmd(i) => (i.cmd.span.start, Other("CMD")),
            I::Entrypoint(i) => (i.entrypoint.span.start, Other("ENTRYPOINT")),
            I::Expose(i) => (i.expose.span.start, Other("EXPOSE")),
            I::From(i) => (i.from.span.start, Other("FROM")),
            I::Healthcheck(i) => (i.healthcheck.span.start, Other("HEALTHCHECK")),
            I::Label(i) => (i.label.span.start, Other("LABEL")),
            I::Maintainer(i) => (i.maintainer.span.start, Other("MAINTAINER")),
            I::Shell(i) => (i.shell.span.start, Other("SHELL")),
            I::Stopsignal(i) => (i.stopsignal.span.start, Other("STOPSIGNAL")),
            I::User(i) => (i.user.span.start, Other("USER")),
            I::Volume(i) => (i.volume.span.start, Other("VOLUME")),
            I::Workdir(i) => (i.workdir.span.start, Other("WORKDIR")),
            // The crate's enum may grow; a new keyword holds no image.
            _ => (0, Other("")),
        };
        Instruction {
            line: self.line(start),
            kind,
        }
    }

    fn run(&self, from: &syntax::RunInstruction<'_>) -> Run {
        let (command, exec_form, command_start) = match &from.arguments {
            syntax::Command::Exec(words) => {
                let start = words.span.start;
                let words: Vec<&str> = words.value.iter().map(|w| w.value.as_ref()).collect();
                (words.join(" "), true, start)
            }
            syntax::Command::Shell(command) => {
                (self.joined(&command.span), false, command.span.start)
            }
            _ => (String::new(), false, from.run.span.end),
        };
        let mut run = Run {
            command,
            exec_form,
            keyword_end: from.run.span.end,
            command_start,
            heredocs: self.masked.bodies_at(from.run.span.start).to_vec(),
            ..Run::default()
        };
        flags::run_flags(&from.options, &mut run);
        run
    }

    fn copy(
        &self,
        start: usize,
        options: &[syntax::Flag<'_>],
        sources: &[syntax::Source<'_>],
        destination: &str,
    ) -> Copy {
        let sources = sources
            .iter()
            .filter_map(|source| match source {
                syntax::Source::Path(path) => Some(path),
                _ => None,
            })
            .filter(|path| !self.text[path.span.start..].starts_with("<<"))
            .map(|path| path.value.to_string())
            .collect();
        let mut copy = Copy {
            sources,
            destination: destination.to_owned(),
            heredocs: self.masked.bodies_at(start).to_vec(),
            ..Copy::default()
        };
        flags::copy_flags(options, &mut copy);
        copy
    }

    fn args(&self, arg: &syntax::ArgInstruction<'_>) -> Vec<Arg> {
        let line = self.line(arg.arg.span.start);
        split_words(&arg.arguments.value, self.escape)
            .into_iter()
            .map(|word| match word.split_once('=') {
                Some((name, default)) => Arg {
                    line,
                    name: name.to_owned(),
                    default: Some(default.to_owned()),
                },
                None => Arg {
                    line,
                    name: word,
                    default: None,
                },
            })
            .collect()
    }

    /// A part of the text on one line, without comments between its lines.
    fn joined(&self, span: &syntax::Span) -> String {
        let mut result = String::new();
        for (number, line) in self.text[span.clone()].lines().enumerate() {
            if number > 0 && line.trim_start().starts_with('#') {
                continue;
            }
            let line = line.trim_end();
            result.push_str(line.strip_suffix(self.escape).unwrap_or(line));
        }
        result.trim().to_owned()
    }
}

/// `^[a-z][a-z0-9-_\.]*$`, without regard to case.
fn is_stage_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}
