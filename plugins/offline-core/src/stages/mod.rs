//! Builds of single stages, the same on both sides of the air gap.
//!
//! BuildKit's cache keys come from the Dockerfile's steps, build arguments,
//! network mode, named contexts and file contents. Both sides therefore start
//! from the definition that Compose itself gives to buildx and change only what
//! no key depends on: target, tags, outputs, cache source.

mod cache_records;
mod classic;
mod dockerfiles;
mod fetched;
mod inventories;
mod levels;
mod names;
mod step_keys;
mod targets;
mod through;

pub(crate) use cache_records::{CACHE_RECORDS, Checked, KnownBase, complete, known_by_manifest};
pub use classic::Substitutes;
pub(crate) use classic::{key_flags, rewritten};
pub use dockerfiles::{Dockerfiles, Error};
pub use fetched::give_fetched;
pub(crate) use inventories::inventories;
pub(crate) use levels::{Level, levels, one_name_at_a_time};
pub(crate) use names::{classic_reference, stage_reference};
pub(crate) use step_keys::takes;
pub use step_keys::{MadeOf, StepKeys, step_keys};
pub use targets::StageTargets;
pub use through::{DIRECT, Through};
