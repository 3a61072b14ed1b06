use std::error::Error as StdError;
use std::fmt::Write as _;

use offline_core::{Failure, Kind};

use crate::{Colours, ExitCode};

/// A failure in words: `error:`, the chain of `caused by:`, and `hint:`.
pub(crate) fn words(failure: &Failure, colours: Colours) -> String {
    let mut text = format!(
        "{} {}\n",
        colours.error("error:"),
        indented(&failure.to_string())
    );
    for cause in causes(failure) {
        let _ = writeln!(text, "  {} {}", colours.dim("caused by:"), indented(&cause));
    }
    if let Some(hint) = failure.hint() {
        let _ = writeln!(text, "  {} {}", colours.hint("hint:"), indented(hint));
    }
    text
}

/// A failure as one JSON object on one line, for `--progress json`.
pub(crate) fn json(failure: &Failure) -> String {
    let code = ExitCode::of(failure.kind());
    serde_json::json!({
        "event": "error",
        "code": code.number,
        "kind": code.name,
        "what": failure.to_string(),
        "causes": causes(failure),
        "hint": failure.hint(),
    })
    .to_string()
}

/// What is said when the user ended the command.
pub(crate) fn interrupted(colours: Colours) -> String {
    format!(
        "{} interrupted\n  {} the same command again goes on where this one stopped\n",
        colours.error("error:"),
        colours.hint("hint:")
    )
}

/// The same as [`interrupted`], for `--progress json`.
pub(crate) fn interrupted_json() -> String {
    let code = ExitCode::of(Kind::Interrupted);
    serde_json::json!({
        "event": "error",
        "code": code.number,
        "kind": code.name,
        "what": "interrupted",
        "causes": [],
        "hint": "the same command again goes on where this one stopped",
    })
    .to_string()
}

/// The causes below a failure. A cause whose words are already part of what
/// stands above it says nothing new and is left out.
fn causes(failure: &Failure) -> Vec<String> {
    let mut said = failure.to_string();
    let mut causes = Vec::new();
    let top: &dyn StdError = failure.error();
    let mut next = top.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !words.is_empty() && !said.contains(&words) {
            said.push('\n');
            said.push_str(&words);
            causes.push(words);
        }
        next = cause.source();
    }
    causes
}

/// Lines after the first stand below the words, not below the label.
fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n    ")
}

#[cfg(test)]
mod tests {
    use offline_core::error::Explain;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Fault {
        #[error("cannot read {0}")]
        Read(&'static str, #[source] Box<Fault>),
        #[error("{0}")]
        Same(String, #[source] std::io::Error),
    }

    impl Explain for Fault {
        fn kind(&self) -> Kind {
            Kind::Io
        }
        fn hint(&self) -> Option<String> {
            Some("look at it\nand try again".into())
        }
    }

    fn fault() -> Failure {
        let io = std::io::Error::other("it is broken");
        Fault::Read("a.txt", Box::new(Fault::Same("it is broken".into(), io))).into()
    }

    #[test]
    fn a_cause_is_said_once() {
        insta::assert_snapshot!(words(&fault(), Colours::new(false)), @r"
        error: cannot read a.txt
          caused by: it is broken
          hint: look at it
            and try again
        ");
    }

    #[test]
    fn json_is_one_line_with_the_exit_code() {
        let line = json(&fault());
        assert!(!line.contains('\n'));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["code"], 61);
        assert_eq!(value["causes"][0], "it is broken");
    }

    #[test]
    fn colours_only_where_they_are_on() {
        assert!(words(&fault(), Colours::new(true)).contains("\u{1b}["));
        assert!(!words(&fault(), Colours::new(false)).contains('\u{1b}'));
    }
}
