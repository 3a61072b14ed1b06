//! `docker offline build --classic`: the classic builder, on any engine.
//!
//! Its own cache does not cross as it should: Engine 20.10 hashes copied files
//! otherwise than newer ones, and the containerd store of 28.5 cannot restore a step
//! without a layer, nor any step twice (engine facts 34 and 35). So the builder is
//! not given cache sources. Each stage goes on from the carried stage image, cut
//! after the last step whose inputs are as they were at the export; what leftovers
//! of other builds there are in the engine makes no difference to that.

mod cut;
mod dockerfile;
mod load;
mod plain_compose;
mod plan;
mod run;
mod start;

pub(super) use plain_compose::PlainCompose;
pub use plain_compose::PlainMiss;
pub(super) use plan::{Inputs as PlanInputs, Plan, Way, plan};
pub(super) use run::ClassicRun;
