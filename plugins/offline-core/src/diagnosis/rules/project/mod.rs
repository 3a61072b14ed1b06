//! The Compose project and its Dockerfiles.

mod asks_at_start;
mod bind_mount;
mod broad_copy;
mod build_input;
mod container_name;
mod context_size;
mod crlf_script;
mod dockerignore;
mod env_file;
mod floating_tag;
mod hub_offline;
mod network_step;
mod no_cache;
mod ports;
mod pulls_always;
mod read;
mod remote_source;
mod stale_copy;
mod unset_variable;

use super::super::rule::Rule;

pub(super) const RULES: &[&Rule] = &[
    &read::RULE,
    &env_file::RULE,
    &build_input::RULE,
    &unset_variable::RULE,
    &broad_copy::RULE,
    &network_step::RULE,
    &remote_source::RULE,
    &stale_copy::RULE,
    &asks_at_start::RULE,
    &hub_offline::RULE,
    &no_cache::RULE,
    &pulls_always::RULE,
    &floating_tag::RULE,
    &dockerignore::RULE,
    &context_size::RULE,
    &crlf_script::RULE,
    &ports::RULE,
    &container_name::RULE,
    &bind_mount::RULE,
];

/// A size for people.
fn size(bytes: u64) -> String {
    const KIB: u64 = 1024;
    const MIB: u64 = KIB * KIB;
    match bytes {
        0..KIB => format!("{bytes} B"),
        KIB..MIB => format!("{} KiB", bytes / KIB),
        _ => format!("{} MiB", bytes / MIB),
    }
}
