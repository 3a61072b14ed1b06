//! The bundle: whole, complete for this project, made for this engine.

mod architecture;
mod build_cache;
mod complete;
mod disk;
mod present;
mod tool_version;
mod whole;

use super::super::rule::Rule;

pub(in crate::diagnosis) use build_cache::engine_words;

pub(super) const RULES: &[&Rule] = &[
    &present::RULE,
    &whole::RULE,
    &disk::RULE,
    &architecture::RULE,
    &complete::RULE,
    &build_cache::RULE,
    &tool_version::RULE,
];
