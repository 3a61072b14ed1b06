//! The Compose project and its Dockerfiles.

mod broad_copy;
mod network_step;
mod read;
mod remote_source;
mod unset_variable;

use super::super::rule::Rule;

pub(super) const RULES: &[&Rule] = &[
    &read::RULE,
    &unset_variable::RULE,
    &broad_copy::RULE,
    &network_step::RULE,
    &remote_source::RULE,
];
