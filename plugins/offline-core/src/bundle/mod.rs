//! The bundle: an OCI layout with a record of what it is, and its archive.
//!
//! `docs/bundle-format.md` is the specification.

mod archive;
mod archive_reader;
mod blobs;
mod carried;
mod compression;
mod contexts;
mod error;
mod fetched;
mod fetched_folder;
mod holding;
mod ignore;
mod inventory;
mod locate;
mod merge;
mod network;
mod parts;
mod place;
mod record;
mod site;
mod sums;
mod unpack;
mod verified;
mod wanted;

pub use archive::{ArchiveSummary, Packing, pack, pack_without};
pub use archive_reader::read_record;
pub use carried::Carried;
pub use compression::Compression;
pub(crate) use compression::Encoder;
pub use contexts::Contexts;
pub use error::Error;
pub use fetched::{FETCHED_ARTIFACT, FETCHED_FILE, FETCHED_FOLDER, FetchedFile, FetchedRecord};
pub use fetched_folder::unpack_folder;
pub use holding::Holding;
pub use ignore::IgnoreRules;
pub use inventory::{
    Change, Difference, EntryKind, Inventory, InventoryEntry, ignore_rules, walk_context,
};
pub use locate::{DEFAULT_NAME, Located, additions, locate, locate_both};
pub use merge::{Merged, adds_to, merge};
pub use network::{
    ASKED, EXCHANGES, NETWORK_ARTIFACT, NETWORK_BODY, NetworkContents, NetworkRecord, NetworkStep,
    ServiceNetwork, StepRequests,
};
pub use parts::{Written, archive_bytes};
pub(crate) use place::{beside, outside, swallows};
pub use record::{
    AddsTo, ClassicRecord, ClassicRefusal, ClassicStage, FORMAT, FinishedRecord, ImageRecord,
    RECORD_FILE, Record, ServiceRecord, SourceEngine, SourcesRecord, StageRecord, StepRecord,
    Unrecorded,
};
pub(crate) use site::{
    FETCHED_ON_SITE, SITE_FOLDER, STAY_FOLDER, copied_dockerfiles, original_dockerfile,
    stale_copies,
};
pub use sums::{SUMS_FILE, write_sums};
pub use unpack::{Unpacked, unpack, unpack_artifacts, unpack_documents, unpack_held};
pub use verified::{Proof, is_marked as is_verified, verify_archive, verify_bundle};
pub use wanted::{
    OmittedFile, WANTED_FILE_LIMIT, WANTED_FORMAT, WANTED_LIMIT, Wanted, WantedBundle,
    WantedDockerfile, WantedFile, WantedRequest, WantedService,
};
