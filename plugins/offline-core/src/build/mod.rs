//! `docker offline build`: load a bundle, warm the caches, build as Compose will.
//!
//! Every step that would need a network is known before the first build starts:
//! images are compared with the closure, cache keys with the engine's
//! generation and store, contexts with the inventory of the export.

mod absent;
mod adapt;
mod apply;
mod build_plan;
mod by_classic;
mod choice;
mod classic;
mod compose_call;
mod contexts;
mod dropped;
mod dry_run;
mod error;
mod failed;
mod fetched;
mod foresight;
mod image_names;
mod load;
mod load_only;
mod next;
mod old_compose;
mod open;
mod options;
mod overrides;
mod own_waves;
mod placeholders;
mod plan;
mod recorded;
mod replay;
mod run;
mod sibling_sources;
pub mod stay;
mod steps;
mod summary;
mod tell_compose;
mod version;
mod warm;

pub use build_plan::{
    BuildPlan, BuildPlanDocument, PlannedBuilder, PlannedBundle, PlannedCarried, PlannedImage,
    PlannedService, PlannedStage, PlannedStep, PlannedWay, Unknown,
};
pub use classic::PlainMiss;
pub(crate) use compose_call::ComposeCall;
pub use dry_run::dry_run;
pub use error::Error;
pub use options::BuildOptions;
use replay::loopback;
pub use replay::{Asked, Error as ReplayError};
pub use run::run;
pub(crate) use run::{Built, Ready};
pub use summary::{Replayed, ServiceResult, Summary};
