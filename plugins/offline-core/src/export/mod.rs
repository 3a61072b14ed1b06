//! `docker offline export`: everything a project will ask for, into one bundle.
//!
//! [`prepare`] reads and decides and changes nothing; [`run`] fetches images,
//! builds every reachable stage with an inline cache, copies the stage images
//! into the layout, writes the record and packs the archive.

mod bootstrap;
mod cache_records;
mod emulation;
mod error;
mod images;
mod options;
mod outputs;
mod prepare;
mod record;
mod run;
mod stage_images;
mod summary;
mod warnings;

pub use error::Error;
pub(crate) use error::{build_failure, failure_is_full_disk};
pub(crate) use images::diff_ids;
pub use options::{ArchiveChoice, ExportOptions};
pub(crate) use outputs::{beside, swallows};
pub use prepare::{Prepared, prepare};
pub use run::run;
pub use summary::Summary;
