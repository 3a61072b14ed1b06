//! Every image that a build or a run of the project will ask for.
//!
//! The truth is what BuildKit itself resolves
//! (`frontend/dockerfile/dockerfile2llb/convert.go`): the stages reachable from
//! the target, with ARGs expanded, named contexts applied, per platform.

mod absent;
mod arguments;
mod at_start;
mod contexts;
mod cycles;
mod error;
mod externals;
mod fetched;
mod inputs;
mod key_steps;
mod left_out;
mod model;
mod needs;
mod network_tools;
mod remote_contexts;
mod resolve;
mod run_text;
mod siblings;
mod source;
mod stage_graph;
mod stages;
mod steps;
#[cfg(test)]
mod tests;
mod waves;
mod wrappers;

pub use crate::dockerfile::Platform;
pub use absent::{Absence, AbsentInput, absent_inputs};
pub use arguments::is_predefined;
pub use at_start::AT_START;
pub(crate) use at_start::is_told_that_the_hub_is_off;
pub use error::Error;
pub use fetched::{FetchedSource, without_credentials};
pub use model::{
    BuildClosure, Closure, CopyStep, KeyStep, NeededImage, Role, RunStep, ServiceClosure,
    StageBase, StageClosure, StageRef, Unbundled,
};
pub(crate) use network_tools::{base_name, is_assignment, network_tool, one_a_line, words};
pub use remote_contexts::{
    FETCHED_DOCKERFILE, KEEP_GIT_DIR, RemoteContext, give_contexts, remote_contexts,
};
pub use resolve::{resolve, resolve_to_build};
pub(crate) use run_text::executed;
pub use waves::waves;
pub(crate) use wrappers::{behind, drops_variables, runs_script};
