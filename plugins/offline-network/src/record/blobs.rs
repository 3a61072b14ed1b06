//! Bodies on their way to becoming blobs.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::scrub::Scrubber;
use crate::{Body, Digest, Error};

/// Starts the names of files that are not whole.
const PARTIAL: &str = ".partial-";

/// The folder of blobs; each is named by the hex digits of its digest.
#[derive(Debug, Clone)]
pub(crate) struct Blobs {
    folder: PathBuf,
}

impl Blobs {
    /// Makes the folder if need be.
    pub(crate) fn new(folder: PathBuf) -> Result<Self, Error> {
        match fs::create_dir_all(&folder) {
            Ok(()) => Ok(Self { folder }),
            Err(source) => Err(Error::Bodies {
                path: folder,
                source,
            }),
        }
    }

    pub(crate) fn partial(&self) -> io::Result<Partial> {
        let file = tempfile::Builder::new()
            .prefix(PARTIAL)
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(&self.folder)?;
        Ok(Partial {
            read: Arc::new(file.reopen()?),
            file,
            hasher: Sha256::new(),
            written: 0,
            tail: Vec::new(),
            secret: false,
        })
    }

    pub(crate) fn open(&self, digest: &Digest) -> io::Result<File> {
        File::open(self.folder.join(digest.hex()))
    }
}

/// A body that is being written; gone when dropped.
pub(crate) struct Partial {
    file: NamedTempFile,
    /// The same file, for readers.
    pub(crate) read: Arc<File>,
    hasher: Sha256,
    pub(crate) written: u64,
    /// The end of what was written, in which a secret may begin.
    tail: Vec<u8>,
    /// Whether a secret was found in it.
    pub(crate) secret: bool,
}

impl Partial {
    pub(crate) fn write(&mut self, bytes: &[u8], scrub: &Scrubber) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.written += bytes.len() as u64;
        if scrub.looks_into_bodies() && !self.secret {
            let overlap = scrub.overlap();
            self.tail
                .extend_from_slice(&bytes[..bytes.len().min(overlap)]);
            self.secret = scrub.found_in(&self.tail) || scrub.found_in(bytes);
            if bytes.len() >= overlap {
                self.tail = bytes[bytes.len() - overlap..].to_vec();
            } else if self.tail.len() > overlap {
                self.tail.drain(..self.tail.len() - overlap);
            }
        }
        Ok(())
    }

    /// The hash of all that was written so far.
    pub(crate) fn so_far(&self) -> Digest {
        Digest::finish(self.hasher.clone())
    }

    /// Makes it a blob. Blocks until it is on the disk.
    pub(crate) fn keep(self, blobs: &Blobs) -> io::Result<Option<Body>> {
        if self.written == 0 {
            return Ok(None);
        }
        let digest = Digest::finish(self.hasher);
        let place = blobs.folder.join(digest.hex());
        let there = fs::metadata(&place).is_ok_and(|m| m.len() == self.written);
        if !there {
            self.file.as_file().sync_data()?;
            self.file.persist(&place).map_err(|e| e.error)?;
        }
        Ok(Some(Body {
            digest,
            size: self.written,
        }))
    }
}
