use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::Error;
use super::writer::{lock, remove_partials};

/// Says whose file it is: the folder may be the user's own.
const PREFIX: &str = ".docker-offline-partial-";

/// A file that is written beside its place and takes it only when whole.
pub(crate) struct Replacement {
    place: PathBuf,
    file: tempfile::NamedTempFile,
}

impl Replacement {
    /// Opens a hidden file in the folder of `place`.
    pub(crate) fn of(place: &Path) -> Result<Self, Error> {
        let folder = folder_of(place);
        remove_partials(folder, PREFIX, |_| true)?;
        loop {
            let file = tempfile::Builder::new()
                .prefix(PREFIX)
                .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
                .tempfile_in(folder)
                .map_err(Error::io("create a file in", folder))?;
            // Another process may have taken the name for a leftover before the
            // lock was held; then a new name is tried.
            if lock(file.as_file(), file.path())? {
                return Ok(Self {
                    place: place.to_owned(),
                    file,
                });
            }
        }
    }

    /// The file to write to.
    pub(crate) fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Puts the file in its place, durably.
    pub(crate) fn commit(self) -> Result<(), Error> {
        self.file
            .as_file()
            .sync_all()
            .map_err(Error::io("write", &self.place))?;
        let place = self.place;
        self.file
            .persist(&place)
            .map_err(|e| Error::io("replace", &place)(e.error))?;
        sync_folder(folder_of(&place))
    }
}

/// Replaces a small file as a whole.
pub(crate) fn replace_file(place: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut replacement = Replacement::of(place)?;
    replacement
        .file()
        .write_all(bytes)
        .map_err(Error::io("write", place))?;
    replacement.commit()
}

/// Makes renames within a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder)
        .and_then(|f| f.sync_all())
        .map_err(Error::io("write", folder))
}

fn folder_of(place: &Path) -> &Path {
    match place.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
