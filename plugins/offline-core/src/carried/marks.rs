//! What was begun and what was done on this site, in the bundle folder: a volume that is
//! half filled looks like one that somebody has filled, and sources that were edited look
//! like others.

use std::fs;
use std::path::{Path, PathBuf};

use super::Error;
use crate::layout::Digest;

/// The marks of one thing.
pub(super) struct Marks {
    folder: PathBuf,
    name: String,
}

impl Marks {
    /// Those of the volume, or what else the kind has by this name.
    pub(super) fn of(bundle: &Path, kind: &str, name: &str) -> Self {
        Self {
            folder: bundle.join(".site").join(kind),
            name: Digest::of(name.as_bytes()).hex()[..16].to_owned(),
        }
    }

    fn path(&self, what: &str) -> PathBuf {
        self.folder.join(format!("{}.{what}", self.name))
    }

    /// Whether filling it was begun and not ended.
    pub(super) fn is_begun(&self) -> bool {
        self.path("begun").exists()
    }

    /// Marks it as begun.
    pub(super) fn begin(&self) -> Result<(), Error> {
        let _ = fs::remove_file(self.path("done"));
        self.write("begun", "")
    }

    /// Marks it as filled; `with` says what with, and which volume.
    pub(super) fn end(&self, with: &str) -> Result<(), Error> {
        self.write("done", with)?;
        let path = self.path("begun");
        fs::remove_file(&path).map_err(Error::io("remove", &path))
    }

    /// Whether it was filled with this.
    pub(super) fn is_done(&self, with: &str) -> bool {
        fs::read_to_string(self.path("done")).is_ok_and(|text| text == with)
    }

    fn write(&self, what: &str, text: &str) -> Result<(), Error> {
        let path = self.path(what);
        fs::create_dir_all(&self.folder).map_err(Error::io("make", &self.folder))?;
        fs::write(&path, text).map_err(Error::io("write", &path))
    }
}
