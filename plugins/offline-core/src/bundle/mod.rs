//! The bundle: an OCI layout with a record of what it is, and its archive.
//!
//! `docs/bundle-format.md` is the specification.

mod error;
mod record;

pub use error::Error;
pub use record::{
    FORMAT, ImageRecord, RECORD_FILE, Record, ServiceRecord, SourceEngine, StageRecord,
};
