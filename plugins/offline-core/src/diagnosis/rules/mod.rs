//! The rules of diagnosis, one a file, in the folder of their group.
//!
//! To add one: copy a file of the same group, give its `RULE` a new id, its
//! texts in both languages and a `check`, and name it in the group's `mod.rs`.
//! `make docs` writes its documentation. A test in `tests.rs` provokes it.

mod bundle;
mod host;
mod project;
#[cfg(test)]
mod project_tests;
#[cfg(test)]
mod scene;
mod situation;
#[cfg(test)]
mod tests;

use super::finding::Finding;
use super::report::Report;
use super::rule::Rule;

pub(super) use bundle::engine_words;
pub(super) use host::{Here, is_here};
pub use situation::Situation;

/// All rules, in the order in which a user would want to read them.
pub fn rules() -> Vec<&'static Rule> {
    [host::RULES, bundle::RULES, project::RULES].concat()
}

/// The rule of this id, or the entry of the catalogue of logs.
pub fn rule(id: &str) -> Option<&'static Rule> {
    let known = rules().into_iter().chain(super::log::log_rules());
    known.into_iter().find(|rule| rule.id == id)
}

/// A number of things, in English.
fn counted(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// An instruction, short enough for a sentence.
fn shorten(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().count() <= 40 {
        return line;
    }
    let cut: String = line.chars().take(37).collect();
    format!("{cut}...")
}

/// Lets every rule look.
pub fn diagnose(situation: &Situation<'_>) -> Report {
    let rules = rules();
    let findings: Vec<Finding> = rules
        .iter()
        .flat_map(|rule| (rule.check)(rule, situation))
        .collect();
    Report::of(findings, rules.len())
}
