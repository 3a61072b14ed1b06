//! Step by step: what a service's build would find in the bundle's cache, and
//! for the first step that misses, why.

mod alignment;
mod model;
mod recording;
mod sources;
#[cfg(test)]
mod tests;
mod walk;
mod words;

pub use model::{Reason, ServiceTrace, StageTrace, StepNetwork, StepTrace, Verdict};
pub(super) use sources::takes;
pub(crate) use walk::{Inputs, trace};
