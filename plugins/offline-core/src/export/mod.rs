//! `docker offline export`: everything a project will ask for, into one bundle.
//!
//! [`prepare`] reads and decides and changes nothing; [`run`] fetches images,
//! builds every reachable stage with an inline cache, copies the stage images into the
//! layout, writes the record and packs the archive.

mod arguments;
mod bootstrap;
mod cache_records;
mod emulation;
mod error;
mod fetch;
mod fetched;
mod images;
mod inputs;
mod options;
mod outputs;
mod prepare;
mod record;
mod record_network;
mod run;
mod stage_images;
mod summary;
mod warnings;

pub(crate) use cache_records::{LocalBase, known_by_manifest};
pub use error::Error;
pub(crate) use error::{build_failure, failure_is_full_disk};
pub use fetch::{FetchSummary, fetch};
pub(crate) use images::diff_ids;
pub use options::{ArchiveChoice, ExportOptions};
pub(crate) use outputs::{beside, swallows};
pub use prepare::{Prepared, prepare};
#[cfg(test)]
pub(crate) use record::sources;
pub(crate) use record::{classic_reference, inventories};
pub use record_network::{RecordingCost, RecordingPlan};
pub use run::run;
pub use summary::{Sizes, Summary};
