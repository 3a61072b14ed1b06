use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::replace::{replace_file, sync_folder};
use super::writer::{self, BlobWriter};
use super::{Digest, Error, Index};

/// Largest document (manifest, config, index) that is read into memory.
pub(crate) const DOCUMENT_LIMIT: u64 = 8 << 20;

const MARKER: &str = "oci-layout";
const MARKER_CONTENT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// An OCI image layout in a folder.
#[derive(Debug, Clone)]
pub struct Layout {
    path: PathBuf,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    image_layout_version: String,
}

impl Layout {
    /// Opens the layout in `path`, or makes an empty one there.
    ///
    /// Unfinished files of killed runs are removed, those of running ones stay.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let layout = Self { path };
        let blobs = layout.blobs();
        fs::create_dir_all(&blobs).map_err(Error::io("create", &blobs))?;
        if layout.path.join(MARKER).exists() {
            layout.check_marker()?;
        } else {
            replace_file(&layout.path.join(MARKER), MARKER_CONTENT.as_bytes())?;
        }
        writer::remove_leftovers(&blobs)?;
        Ok(layout)
    }

    /// Opens an existing layout.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let layout = Self { path: path.into() };
        layout.check_marker()?;
        Ok(layout)
    }

    fn check_marker(&self) -> Result<(), Error> {
        let fail = |why: String| Error::NotALayout {
            path: self.path.clone(),
            why,
        };
        let bytes = read_bounded(&self.path.join(MARKER), MARKER)
            .map_err(|e| fail(format!("no readable {MARKER} file ({e})")))?;
        let marker: Marker = serde_json::from_slice(&bytes)
            .map_err(|e| fail(format!("{MARKER} cannot be read ({e})")))?;
        if marker.image_layout_version != "1.0.0" {
            return Err(fail(format!(
                "layout version {:?} is not known",
                marker.image_layout_version
            )));
        }
        Ok(())
    }

    /// The layout's folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of all blobs.
    pub(crate) fn blobs(&self) -> PathBuf {
        self.path.join("blobs/sha256")
    }

    /// Where a blob is, or would be.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    /// The size of a blob, if it is there as a regular file.
    pub fn blob_size(&self, digest: &Digest) -> Option<u64> {
        fs::symlink_metadata(self.blob_path(digest))
            .ok()
            .filter(fs::Metadata::is_file)
            .map(|m| m.len())
    }

    /// Whether a blob is there, with this size if one is given.
    pub fn has_blob(&self, digest: &Digest, size: Option<u64>) -> bool {
        self.blob_size(digest)
            .is_some_and(|found| size.is_none_or(|size| size == found))
    }

    /// Opens a blob for reading. Its bytes are not verified.
    pub fn open_blob(&self, digest: &Digest) -> Result<File, Error> {
        let path = self.blob_path(digest);
        if self.blob_size(digest).is_none() {
            return Err(Error::BlobMissing {
                digest: *digest,
                path: self.path.clone(),
            });
        }
        File::open(&path).map_err(Error::io("read", path))
    }

    /// Reads a small blob and verifies its digest. Refuses more than 8 MiB.
    pub fn read_blob(&self, digest: &Digest) -> Result<Vec<u8>, Error> {
        self.open_blob(digest)?;
        let bytes = read_bounded(&self.blob_path(digest), &digest.to_string())?;
        let actual = Digest::of(&bytes);
        if actual != *digest {
            return Err(Error::DigestMismatch {
                expected: *digest,
                actual,
            });
        }
        Ok(bytes)
    }

    /// Reads a manifest, config or other JSON document of at most 8 MiB.
    pub fn read_json_blob<T: DeserializeOwned>(&self, digest: &Digest) -> Result<T, Error> {
        serde_json::from_slice(&self.read_blob(digest)?).map_err(|source| Error::Malformed {
            what: digest.to_string(),
            source,
        })
    }

    /// Writes a document held in memory as a blob.
    pub fn write_blob(&self, bytes: &[u8]) -> Result<writer::Committed, Error> {
        use std::io::Write;
        let digest = Digest::of(bytes);
        if self.has_blob(&digest, Some(bytes.len() as u64)) {
            return Ok(writer::Committed {
                digest,
                size: bytes.len() as u64,
                new: false,
            });
        }
        let mut writer = self.blob_writer()?;
        writer
            .write_all(bytes)
            .map_err(Error::io("write", self.blob_path(&digest)))?;
        writer.commit(Some(&digest))
    }

    /// Starts a blob whose digest may not be known yet.
    pub fn blob_writer(&self) -> Result<BlobWriter, Error> {
        BlobWriter::create(&self.blobs())
    }

    /// Starts or continues a blob of a known digest; gives the number of bytes
    /// that an earlier run has left. Waits while another process writes it, so
    /// ask [`Layout::has_blob`] again afterwards.
    pub fn resume_writer(&self, digest: &Digest) -> Result<(BlobWriter, u64), Error> {
        BlobWriter::resume(&self.blobs(), digest)
    }

    /// Makes all renames of blobs durable; call it once after many commits.
    pub fn sync(&self) -> Result<(), Error> {
        sync_folder(&self.blobs())
    }

    /// Reads `index.json`.
    pub fn read_index(&self) -> Result<Index, Error> {
        let bytes = read_bounded(&self.path.join("index.json"), "index.json")?;
        serde_json::from_slice(&bytes).map_err(|source| Error::Malformed {
            what: "index.json".into(),
            source,
        })
    }
}

/// Reads a file of at most [`DOCUMENT_LIMIT`] bytes.
pub(crate) fn read_bounded(path: &Path, what: &str) -> Result<Vec<u8>, Error> {
    let file = File::open(path).map_err(Error::io("read", path))?;
    read_document(file, what).map_err(|e| match e {
        Error::Stream { source, .. } => Error::io("read", path)(source),
        other => other,
    })
}

/// Reads a document of at most [`DOCUMENT_LIMIT`] bytes from a stream.
pub(crate) fn read_document(reader: impl Read, what: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    reader
        .take(DOCUMENT_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| Error::Stream {
            action: "read a document",
            source,
        })?;
    if bytes.len() as u64 > DOCUMENT_LIMIT {
        return Err(Error::TooLarge {
            what: what.to_owned(),
            size: bytes.len() as u64,
            limit: DOCUMENT_LIMIT,
        });
    }
    Ok(bytes)
}
