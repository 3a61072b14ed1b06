//! The machine, its engine and its tools.

mod builder;
mod buildx;
mod compose;
mod engine_disk;
mod engine_reachable;
mod engine_version;
mod image_store;
mod images_present;

use super::super::rule::Rule;

pub(in crate::diagnosis) use images_present::{Here, is_here};

pub(super) const RULES: &[&Rule] = &[
    &engine_reachable::RULE,
    &engine_version::RULE,
    &image_store::RULE,
    &buildx::RULE,
    &builder::RULE,
    &compose::RULE,
    &engine_disk::RULE,
    &images_present::RULE,
];
