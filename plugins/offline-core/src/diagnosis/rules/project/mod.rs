//! The Compose project and its Dockerfiles.

mod read;
mod remote_source;
mod unset_variable;

use super::super::rule::Rule;

pub(super) const RULES: &[&Rule] = &[&read::RULE, &unset_variable::RULE, &remote_source::RULE];
