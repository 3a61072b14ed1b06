//! Instructions that BuildKit takes and `parse-dockerfile` does not.
//!
//! It refuses an empty CMD, ENTRYPOINT or RUN, forms of HEALTHCHECK, and each
//! keyword that it does not know. So what is of no matter to the closure, and what
//! it would refuse, becomes a comment of the same length before it sees the text,
//! and is read here: every position stays what it was.

use parse_dockerfile as syntax;

use super::heredocs::Masked;
use super::{Error, Instruction, InstructionKind, Run};

/// An instruction that was taken out of the text.
pub(super) struct Apart {
    /// The position of its first character.
    pub(super) start: usize,
    pub(super) kind: ApartKind,
}

pub(super) enum ApartKind {
    Instruction(InstructionKind),
    /// One that no frontend known here has.
    Unknown(String),
}

/// Keywords whose arguments are of no matter to the closure.
const SETTINGS: [&str; 11] = [
    "CMD",
    "ENTRYPOINT",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];
/// Keywords that are always left to `parse-dockerfile`.
const READ_THERE: [&str; 5] = ["FROM", "ARG", "ENV", "COPY", "ADD"];

/// Takes out what `parse-dockerfile` would refuse and BuildKit builds.
///
/// `frontend` says whether `# syntax=` names one: its instructions may be others
/// than those of the engine's own.
pub(super) fn take_out(
    masked: &mut Masked,
    line_starts: &[usize],
    frontend: bool,
) -> Result<Vec<Apart>, Error> {
    let mut taken = Vec::new();
    for index in 0..masked.instructions.len() {
        let logical = &masked.instructions[index];
        let indent = logical.text.len() - logical.text.trim_start().len();
        let start = logical.start + indent;
        let whole = (logical.start, logical.end);
        let Some(kind) = beyond(&logical.text, start) else {
            continue;
        };
        if let ApartKind::Unknown(keyword) = &kind
            && !frontend
        {
            let line = line_starts.partition_point(|at| *at <= start) + 1;
            let line = u32::try_from(line).unwrap_or(u32::MAX);
            return Err(Error::at(line, format!("unknown instruction: {keyword}")));
        }
        hide(&mut masked.text, whole);
        taken.push(Apart { start, kind });
    }
    Ok(taken)
}

/// What an instruction is, if it has to be read here.
fn beyond(logical: &str, start: usize) -> Option<ApartKind> {
    let text = logical.trim_start();
    let (keyword, rest) = split_keyword(text);
    if keyword == "ONBUILD" {
        return trigger(rest, start + (text.len() - rest.len()));
    }
    if READ_THERE.contains(&keyword.as_str()) {
        return None;
    }
    if keyword == "RUN" {
        return empty_run(rest, start + keyword.len());
    }
    let Some(known) = SETTINGS.iter().find(|known| **known == keyword) else {
        return Some(ApartKind::Unknown(keyword));
    };
    // What BuildKit refuses is left there, to be refused by its line.
    let refused = match *known {
        "CMD" | "ENTRYPOINT" => false,
        "SHELL" => is_empty(rest) || !rest.starts_with('['),
        "HEALTHCHECK" => !is_healthcheck(rest),
        _ => is_empty(rest),
    };
    (!refused).then_some(ApartKind::Instruction(InstructionKind::Other(known)))
}

/// What an ONBUILD triggers. BuildKit looks at its keyword alone until it is
/// triggered, so that even what is wrong with it is no matter here.
fn trigger(text: &str, start: usize) -> Option<ApartKind> {
    let (keyword, _) = split_keyword(text);
    if matches!(keyword.as_str(), "" | "ONBUILD" | "FROM" | "MAINTAINER") {
        return None;
    }
    let kind = match beyond(text, start) {
        Some(ApartKind::Instruction(kind)) => kind,
        Some(ApartKind::Unknown(_)) => InstructionKind::Other(""),
        None => {
            // Heredocs are masked in the whole text only.
            let alone = format!("FROM scratch\n{}\n", text.replace("<<", "__"));
            if syntax::parse(&alone).is_ok() {
                return None;
            }
            InstructionKind::Other("")
        }
    };
    let inner = Instruction { line: 0, kind };
    Some(ApartKind::Instruction(InstructionKind::Onbuild(Box::new(
        inner,
    ))))
}

/// `RUN []`, which matters only where its stage is built.
fn empty_run(rest: &str, keyword_end: usize) -> Option<ApartKind> {
    let mut command = rest;
    while command.starts_with("--") {
        command = split_keyword(command).1;
    }
    is_empty_array(command).then(|| {
        ApartKind::Instruction(InstructionKind::Run(Run {
            keyword_end,
            command_start: keyword_end,
            exec_form: true,
            ..Run::default()
        }))
    })
}

/// `[FLAGS] CMD ...` or `NONE`.
fn is_healthcheck(rest: &str) -> bool {
    let mut rest = rest;
    while rest.starts_with("--") {
        rest = split_keyword(rest).1;
    }
    let (kind, command) = split_keyword(rest);
    kind == "NONE" || kind == "CMD" && !is_empty(command)
}

fn is_empty(rest: &str) -> bool {
    rest.trim().is_empty() || is_empty_array(rest)
}

fn is_empty_array(rest: &str) -> bool {
    rest.starts_with('[') && serde_json::from_str::<Vec<String>>(rest).is_ok_and(|l| l.is_empty())
}

/// The first word in capitals, and what comes after it.
fn split_keyword(text: &str) -> (String, &str) {
    let text = text.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (text[..end].to_ascii_uppercase(), text[end..].trim_start())
}

/// Makes comments of these lines, as long as they are.
fn hide(text: &mut String, (start, end): (usize, usize)) {
    let mut hidden = String::with_capacity(end - start);
    for line in text[start..end].split_inclusive('\n') {
        let content = line.trim_end_matches(['\r', '\n']).len();
        hidden.push_str(if content == 0 { "" } else { "#" });
        hidden.push_str(&"x".repeat(content.saturating_sub(1)));
        hidden.push_str(&line[content..]);
    }
    text.replace_range(start..end, &hidden);
}
