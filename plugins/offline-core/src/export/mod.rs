//! `docker offline export`: everything a project will ask for, into one bundle.
//!
//! [`prepare`] reads and decides and changes nothing; [`run`] fetches images,
//! builds every reachable stage with an inline cache, copies the stage images into the
//! layout, writes the record and packs the archive.

mod arguments;
mod bootstrap;
mod by_builder;
mod containers;
mod contexts;
mod emulation;
mod error;
mod fetch;
mod fetched;
mod finished;
mod images;
mod inputs;
mod options;
mod outputs;
mod packages;
mod prepare;
mod record;
mod record_network;
mod rewritten;
mod run;
mod stage_images;
mod summary;
mod warnings;

pub use containers::{CarriedContainer, Error as ContainerError};
pub use error::Error;
pub use fetch::{FetchSummary, fetch};
pub use options::{ArchiveChoice, ExportOptions};
pub use packages::FetchedPackage;
pub use prepare::{Prepared, prepare};
#[cfg(test)]
pub(crate) use record::sources;
pub use record_network::{RecordingCost, RecordingPlan, UnfetchedPackage};
pub use run::run;
pub use summary::{Sizes, Summary};
