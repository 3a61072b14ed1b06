//! The machine, its engine and its tools.

mod builder;
mod buildx;
mod clock;
mod compose;
mod dns;
mod emulation;
mod engine_disk;
mod engine_reachable;
mod engine_version;
mod gpu;
mod image_store;
mod images_present;
mod inodes;
mod memory;
mod mirrors;
mod proxies;

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
    &inodes::RULE,
    &memory::RULE,
    &clock::RULE,
    &emulation::RULE,
    &gpu::RULE,
    &proxies::RULE,
    &mirrors::RULE,
    &dns::RULE,
    &images_present::RULE,
];
