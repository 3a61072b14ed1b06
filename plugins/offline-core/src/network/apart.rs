//! What keeps the layers of a recording from the ordinary builds.
//!
//! A step that takes files from another stage is known by what the files hold, not
//! by how they came about (content-based keys of `solver/llbsolver/ops`). So behind
//! a recorded stage whose files are the ordinary ones, a COPY would be one step with
//! the ordinary build's, and that one would carry the recording's layer
//! (docs/engine-facts.md, fact 44).

use std::collections::BTreeMap;

use crate::dockerfile::{Copy, Dockerfile, Instruction, InstructionKind, Stage};

/// A change of a Dockerfile's text.
pub(super) struct Edit {
    /// Where what it replaces begins; positions are bytes.
    pub(super) from: usize,
    /// Where that ends.
    pub(super) to: usize,
    pub(super) text: String,
    /// The line of the original that a line is put before.
    pub(super) before_line: Option<u32>,
}

impl Edit {
    pub(super) fn insert(at: usize, text: String) -> Self {
        Self {
            from: at,
            to: at,
            text,
            before_line: None,
        }
    }

    pub(super) fn line_before(line: u32, at: usize, text: String) -> Self {
        Self {
            before_line: Some(line),
            ..Self::insert(at, text)
        }
    }
}

/// Gives each stage that takes files from a recorded one, before its own first
/// recorded step, a step of its own in front of that: a COPY of nothing whose
/// pattern holds `word`. What comes after it has other keys than ever before.
///
/// `starts` are the first recorded steps, by stage; `start_of` gives where a line
/// begins. A linked copy has the same key upon whatever it is put, and is no longer
/// one.
pub(super) fn kept_apart(
    dockerfile: &Dockerfile,
    starts: &BTreeMap<usize, usize>,
    word: &str,
    start_of: impl Fn(u32) -> usize,
) -> Vec<Edit> {
    let mut edits = Vec::new();
    // Whether what a stage gives comes from the recording, by its number.
    let mut recorded: Vec<bool> = Vec::new();
    for stage in &dockerfile.stages {
        let before = &dockerfile.stages[..recorded.len()];
        let comes_from_one =
            |instruction: &Instruction| source(instruction, before, &recorded).is_some();
        let mut apart = is_upon_one(stage, before, &recorded);
        for (step, instruction) in stage.instructions.iter().enumerate() {
            if let InstructionKind::Copy(copy) = &instruction.kind
                && copy.link
                && comes_from_one(instruction)
            {
                let (from, to) = copy.link_ends;
                let text = "=false".to_owned();
                edits.push(Edit {
                    to,
                    ..Edit::insert(from, text)
                });
            }
            if apart {
                continue;
            }
            if starts.get(&stage.index).is_some_and(|start| step >= *start) {
                apart = true;
            } else if let Some(source) = source(instruction, before, &recorded) {
                let text = format!("COPY --from={source} /.docker-offline-{word}* /\n");
                let line = instruction.line;
                edits.push(Edit::line_before(line, start_of(line), text));
                apart = true;
            }
        }
        recorded.push(apart);
    }
    edits
}

/// Whether a stage begins with a recorded one. What a variable stands for is not
/// known here; too much kept apart only costs time.
fn is_upon_one(stage: &Stage, before: &[Stage], recorded: &[bool]) -> bool {
    match named(&stage.from, before) {
        Some(index) => recorded[index],
        None => stage.from.contains('$') && recorded.contains(&true),
    }
}

/// The recorded stage that an instruction takes files from, as COPY can name it.
fn source<'a>(
    instruction: &'a Instruction,
    before: &[Stage],
    recorded: &[bool],
) -> Option<&'a str> {
    let is_recorded = |index: Option<usize>| index.is_some_and(|i| recorded.get(i) == Some(&true));
    match &instruction.kind {
        InstructionKind::Copy(Copy {
            from: Some(from), ..
        }) => {
            let number = from.parse().ok();
            is_recorded(number.or_else(|| named(from, before))).then_some(from)
        }
        // A number is no stage here (`detectRunMount`).
        InstructionKind::Run(run) => run
            .mounts
            .iter()
            .filter_map(|mount| mount.from.as_deref())
            .find(|from| is_recorded(named(from, before))),
        _ => None,
    }
}

/// The last of these stages that has this name.
fn named(name: &str, stages: &[Stage]) -> Option<usize> {
    stages.iter().rposition(|stage| stage.is_named(name))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::dockerfile;
    use crate::network::{Caches, Rewritten, Variables, first_network_steps, rewrite};

    fn recorded(text: &str) -> Rewritten {
        let file = dockerfile::parse(text, Path::new("Dockerfile")).unwrap();
        let from = first_network_steps(&file);
        rewrite(text, &file, &from, Variables::Secrets, Caches::Fresh("w1"))
    }

    /// The lines that are not those of the text, RUNs with our flags left out.
    fn changed(text: &str) -> Vec<String> {
        let new = recorded(text).text;
        let new = new.lines().filter(|line| !text.lines().any(|l| l == *line));
        new.filter(|line| !line.contains("docker-offline-ca"))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn a_stage_that_takes_from_a_recorded_one_is_apart_from_there_on() {
        for (text, expected) in [
            (
                "FROM a AS one\nRUN curl x\nFROM b\nWORKDIR /w\nCOPY y z\nCOPY --from=ONE /x /x\nCOPY --from=one /y /y\nRUN make\n",
                vec!["COPY --from=ONE /.docker-offline-w1* /"],
            ),
            // By number, and through a stage without a recorded step of its own.
            (
                "FROM a\nRUN curl x\nFROM b AS two\nCOPY --from=0 /x /x\nFROM c\nRUN --mount=from=two,target=/t cp /t/x /x\nRUN make\n",
                vec![
                    "COPY --from=0 /.docker-offline-w1* /",
                    "COPY --from=two /.docker-offline-w1* /",
                ],
            ),
            // After its own first recorded step, or upon a recorded stage.
            (
                "FROM a AS one\nRUN curl x\nFROM b\nRUN make\nCOPY --from=one /x /x\nFROM one\nCOPY --from=one /y /y\n",
                vec![],
            ),
            (
                "FROM a AS one\nRUN mkdir x\nFROM b\nCOPY --from=one /x /x\nRUN make\n",
                vec![],
            ),
            (
                "FROM a AS one\nRUN curl x\nFROM b\nCOPY --from=c:1 /x /x\nRUN make\n",
                vec![],
            ),
        ] {
            assert_eq!(changed(text), expected, "{text}");
        }
    }

    #[test]
    fn a_copy_from_a_recorded_stage_is_not_linked() {
        let text = "FROM a AS one\nRUN curl x\nFROM b\nCOPY --link y y\nRUN make\nCOPY --link --from=one /x /x\nCOPY --from=one --link=true /x /x\n";
        assert_eq!(
            changed(text),
            [
                "COPY --link=false --from=one /x /x",
                "COPY --from=one --link=false /x /x"
            ]
        );
    }

    #[test]
    fn lines_are_found_again() {
        let text = "FROM a AS one\nRUN curl x\nFROM b\nCOPY --from=one \\\n  /x /x\nRUN make\n";
        let lines = recorded(text).lines;
        assert_eq!((lines.original(4), lines.original(7)), (None, Some(6)));
    }

    #[test]
    fn a_replay_shares_all_that_it_can() {
        let text = "FROM a AS one\nRUN curl x\nFROM b\nCOPY --link --from=one /x /x\nRUN make\n";
        let file = dockerfile::parse(text, Path::new("Dockerfile")).unwrap();
        let from = first_network_steps(&file);
        let text = rewrite(text, &file, &from, Variables::Secrets, Caches::Shared).text;
        assert!(
            text.contains("\nFROM b\nCOPY --link --from=one /x /x\n"),
            "{text}"
        );
    }
}
