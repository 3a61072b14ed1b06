//! The OCI image layout on disk: every byte is a blob under its sha256, stored once.
//!
//! The bundle folder *is* such a layout (OCI image-spec, `image-layout.md`), with
//! a `manifest.json` of `docker save` beside `index.json`, so that skopeo reads it
//! and `tar -C DIR -c . | docker load` loads it without this tool.

mod artifact;
mod descriptor;
mod digest;
mod error;
mod image;
mod index;
mod load;
mod replace;
mod rewrite;
mod save;
mod store;
mod verify;
mod writer;

pub(crate) use artifact::artifact_layers;
pub(crate) use descriptor::ImageConfig;
pub use descriptor::{Descriptor, Index, Manifest, Platform, media_type};
pub use digest::Digest;
pub use error::Error;
pub use index::IndexEntry;
pub use save::{KnownLayers, SavedImage};
pub use store::Layout;
pub use verify::{Damage, Finding, Reachable, hash_reader};
pub use writer::{BlobWriter, Committed};

pub(crate) use load::{append_entry, write_failed};
pub(crate) use replace::{Replacement, replace_file};
pub(crate) use rewrite::Rewritten;
pub(crate) use store::{DOCUMENT_LIMIT, read_bounded, read_document};
pub(crate) use writer::Hashed;

/// Is told how many bytes more have been handled; called from several threads.
pub type Progress<'a> = &'a (dyn Fn(u64) + Sync);
