//! Steps of a replay that are cleaned up after.
//!
//! What a step writes down of its environment would stay in the image. So such a step
//! is begun by a program of ours, within the step, and before its layer is made the
//! program takes out of the files that the step has written what is the replay's alone.

use super::apart::Edit;
use super::trust::TrustFile;
use super::{Content, Secret};
use crate::dockerfile::{Dockerfile, Instruction, InstructionKind, Run, Stage};

/// Where the program is within a step.
pub(super) const AT: &str = "/.docker-offline-run";

/// The hidden command that it is begun with.
pub const STEP: &str = "__step";

/// The variables of the step, a line each.
pub(crate) const MARKS: &str = "/.docker-offline-marks";

/// How it is given to a step.
pub(super) const MARKS_FILE: TrustFile = TrustFile {
    id: "docker-offline-marks",
    target: MARKS,
    mode: "0444",
    content: Content::Marks,
};

/// Who cleans up, and after which steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaner {
    /// The image that holds our program; it has to be in the engine.
    pub image: String,
    /// Where it is in that image.
    pub program: &'static str,
    /// After every rewritten step; else after those that write their environment down
    /// by what their text says.
    pub every_step: bool,
}

/// What stands before a shell command: the program begins the shell anew with the rest
/// of the text, which it finds by the shell's number.
pub(crate) fn before_shell() -> String {
    format!("{AT} {STEP} $$; exit $?; ")
}

/// What stands before the words of the exec form.
fn before_words() -> String {
    format!("\"{AT}\", \"{STEP}\", \"--\", ")
}

/// A builder's words without these.
pub(super) fn without(text: &str) -> String {
    let text = text.replace(&before_shell(), "");
    let text = text.replace(&before_words(), "");
    text.replace(&format!("{AT} {STEP} -- "), "")
}

/// The flags of a step that is cleaned up after.
pub(super) fn flags(cleaner: &Cleaner) -> String {
    let TrustFile {
        id, target, mode, ..
    } = MARKS_FILE;
    format!(
        " --mount=type=bind,from={},source={},target={AT} --mount=type=secret,id={id},target={target},mode={mode}",
        cleaner.image, cleaner.program
    )
}

/// How the flag begins that is no secret's, for taking it out again.
pub(super) const FLAG: &str = "--mount=type=bind,from=docker-offline.invalid/";

pub(super) fn secret() -> Secret {
    Secret {
        id: MARKS_FILE.id.to_owned(),
        content: MARKS_FILE.content,
    }
}

/// Where the program's words go; `None` for a step that it cannot begin: a script with
/// an interpreter of its own, and what no shell of Unix runs.
pub(super) fn beginning(text: &str, run: &Run, posix: bool) -> Option<Edit> {
    let command = text.get(run.command_start..)?;
    if run.exec_form {
        let inside = command.strip_prefix('[')?.trim_start();
        return (!inside.starts_with(']'))
            .then(|| Edit::insert(run.command_start + 1, before_words()));
    }
    if !posix || run.command.is_empty() {
        return None;
    }
    if !is_lone_heredoc(&run.command) {
        return Some(Edit::insert(run.command_start, before_shell()));
    }
    // BuildKit gives the body itself to the shell (`dispatchRun` in `dockerfile2llb`).
    let body = run.heredocs.first()?;
    let line = command.find('\n')? + 1;
    let at = run.command_start + line;
    let is_body = text.get(at..).is_some_and(|rest| {
        let first = body.lines().next().unwrap_or_default();
        rest.trim_start().starts_with(first.trim_start())
    });
    (is_body && !body.starts_with("#!")).then(|| Edit::insert(at, before_shell()))
}

/// `RUN <<EOF` and nothing more.
fn is_lone_heredoc(command: &str) -> bool {
    let rest = command.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.strip_prefix("<<")
        .is_some_and(|name| !name.contains(|c: char| c.is_whitespace() || c == '<' || c == '>'))
}

/// Whether shell commands run in a shell of Unix, by the position of an instruction in
/// its stage. What a base image has in its settings is not known here, and is taken for
/// one.
pub(super) struct Shells<'a> {
    text: &'a str,
    file: &'a Dockerfile,
}

impl<'a> Shells<'a> {
    pub(super) fn of(text: &'a str, file: &'a Dockerfile) -> Self {
        Self { text, file }
    }

    pub(super) fn is_posix(&self, stage: &Stage, step: usize) -> bool {
        let before = stage.instructions.iter().take(step);
        if let Some(set) = before.rev().find(|i| is_shell(i)) {
            return self.names_one(set);
        }
        let earlier = self.file.stages.iter().take(stage.index).rev();
        let mut base = earlier.filter(|s| {
            s.name
                .as_deref()
                .is_some_and(|name| name.eq_ignore_ascii_case(&stage.from))
        });
        base.next()
            .is_none_or(|base| self.is_posix(base, base.instructions.len()))
    }

    fn names_one(&self, instruction: &Instruction) -> bool {
        let line = usize::try_from(instruction.line).unwrap_or(1).max(1) - 1;
        let lines: Vec<&str> = self.text.lines().skip(line).take(4).collect();
        let text = lines.join(" ");
        let words = text.split(']').next().unwrap_or_default().split('"');
        words
            .map(|word| word.rsplit('/').next().unwrap_or(word))
            .any(|name| {
                matches!(
                    name,
                    "sh" | "bash" | "ash" | "dash" | "zsh" | "ksh" | "mksh"
                )
            })
    }
}

fn is_shell(instruction: &Instruction) -> bool {
    matches!(instruction.kind, InstructionKind::Other("SHELL"))
}
