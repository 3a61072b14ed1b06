use std::path::{Path, PathBuf};

use super::Error;
use crate::bundle::STAY_FOLDER;

/// The folder with the rewritten Dockerfiles and what their steps mount.
#[derive(Debug)]
pub(super) struct State {
    folder: PathBuf,
}

impl State {
    /// Of this bundle folder; nothing is made yet.
    pub(super) fn of(bundle: &Path) -> Self {
        Self {
            folder: bundle.join(STAY_FOLDER),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.folder
    }

    /// An empty folder.
    pub(super) fn renew(&self) -> Result<(), Error> {
        self.remove()?;
        let make = |path: &Path| std::fs::create_dir_all(path).map_err(Error::file("make", path));
        make(&self.folder)?;
        // Where the bundle lies in a repository that does not ignore it, at least
        // this is nobody's change.
        self.write(".gitignore", b"*\n")?;
        Ok(())
    }

    /// Writes a file below it.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, Error> {
        let path = self.folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(Error::file("make", parent))?;
        }
        std::fs::write(&path, bytes).map_err(Error::file("write", &path))?;
        Ok(path)
    }

    /// Takes it away; whether there was one.
    pub(super) fn remove(&self) -> Result<bool, Error> {
        match std::fs::remove_dir_all(&self.folder) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Error::file("remove", &self.folder)(e)),
        }
    }
}
