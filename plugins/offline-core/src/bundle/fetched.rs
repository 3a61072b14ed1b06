//! What ADD fetches, carried as blobs: files, and folders as archives.

use std::io::Read as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::Error;
use super::fetched_folder::lay_folder;
use crate::layout::{self, Descriptor, Digest, Layout};

/// The type of the artifact that holds what ADD fetches.
pub const FETCHED_ARTIFACT: &str = "application/vnd.docker-offline.fetched.v1+json";

/// The media type of a fetched file.
pub const FETCHED_FILE: &str = "application/octet-stream";

/// The media type of a fetched folder.
pub const FETCHED_FOLDER: &str = "application/vnd.oci.image.layer.v1.tar";

/// What ADD fetches, as a bundle carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchedRecord {
    /// The artifact's manifest; one of the record's extra roots too.
    pub manifest: Descriptor,
    /// The files.
    #[serde(default)]
    pub files: Vec<FetchedFile>,
}

/// One file or folder, as BuildKit fetched it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchedFile {
    /// Made of address and flags, see `FetchedSource`.
    pub id: String,
    /// The address, without credentials.
    pub url: String,
    /// The file's name, or the folder's.
    pub name: String,
    /// Whether it is a folder: its blob is an archive that holds it, and `mode` and
    /// `modified` say nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub folder: bool,
    /// Its bytes.
    pub digest: Digest,
    /// How many.
    pub size: u64,
    /// Its permissions.
    pub mode: u32,
    /// When it was changed, in seconds since 1970.
    pub modified: u64,
}

impl FetchedRecord {
    /// Writes the artifact of files whose blobs the layout holds.
    pub fn write(layout: &Layout, files: Vec<FetchedFile>) -> Result<Self, Error> {
        let mut layers: Vec<Descriptor> = Vec::new();
        for file in &files {
            if !layers.iter().any(|layer| layer.digest == file.digest) {
                let kind = if file.folder {
                    FETCHED_FOLDER
                } else {
                    FETCHED_FILE
                };
                layers.push(Descriptor::new(kind, file.digest, file.size));
            }
        }
        Ok(Self {
            manifest: layout.write_artifact(FETCHED_ARTIFACT, layers)?,
            files,
        })
    }

    /// Whether a file is among them.
    pub fn holds(&self, id: &str) -> bool {
        self.files.iter().any(|file| file.id == id)
    }

    /// Lays the files into a folder, each below its ID, with the permissions and the
    /// date that ADD gives them.
    ///
    /// Only those are laid whose ID is wanted.
    pub fn lay(
        &self,
        layout: &Layout,
        folder: &Path,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<(), Error> {
        for file in self.files.iter().filter(|file| wanted(&file.id)) {
            file.lay(layout, folder)?;
        }
        Ok(())
    }
}

impl FetchedFile {
    fn lay(&self, layout: &Layout, folder: &Path) -> Result<(), Error> {
        let own = folder.join(self.plain(&self.id)?);
        let path = own.join(self.plain(&self.name)?);
        let failed = |source| Error::Io {
            action: "write",
            path: path.clone(),
            source,
        };
        std::fs::create_dir_all(&own).map_err(failed)?;
        if self.folder {
            return lay_folder(layout, self, &own);
        }
        let mut to = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        let mut from = layout.open_blob(&self.digest)?.take(self.size);
        let (actual, _) = layout::hash_reader(
            Copying {
                from: &mut from,
                to: &mut to,
            },
            &|_| (),
        )
        .map_err(failed)?;
        if actual != self.digest {
            return Err(layout::Error::DigestMismatch {
                expected: self.digest,
                actual,
            }
            .into());
        }
        let mode = std::fs::Permissions::from_mode(self.mode & 0o7777);
        to.set_permissions(mode).map_err(failed)?;
        let modified = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.modified));
        to.set_modified(modified.unwrap_or(SystemTime::UNIX_EPOCH))
            .map_err(failed)
    }

    /// One name of a path, and nothing that leads elsewhere.
    fn plain(&self, name: &str) -> Result<PathBuf, Error> {
        let path = PathBuf::from(name);
        let mut parts = path.components();
        match (parts.next(), parts.next()) {
            (Some(Component::Normal(one)), None) if one == name => Ok(path),
            _ => Err(Error::NotABundle {
                path: super::RECORD_FILE.into(),
                why: format!("the fetched file {:?} has no plain name", self.url),
            }),
        }
    }
}

/// Writes what is read from it.
struct Copying<'a, R, W> {
    from: &'a mut R,
    to: &'a mut W,
}

impl<R: std::io::Read, W: std::io::Write> std::io::Read for Copying<'_, R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.to.write_all(&buffer[..read])?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(layout: &Layout, name: &str) -> FetchedFile {
        let blob = layout.write_blob(b"body").unwrap();
        FetchedFile {
            id: "1a".into(),
            url: "https://x.org/y".into(),
            name: name.into(),
            folder: false,
            digest: blob.digest,
            size: blob.size,
            mode: 0o600,
            modified: 1_445_412_480,
        }
    }

    #[test]
    fn a_file_is_laid_as_add_gives_it() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path().join("l")).unwrap();
        let record = FetchedRecord::write(&layout, vec![file(&layout, "y")]).unwrap();
        let there = folder.path().join("f");
        record.lay(&layout, &there, |_| true).unwrap();
        let metadata = std::fs::metadata(there.join("1a/y")).unwrap();
        assert_eq!(std::fs::read(there.join("1a/y")).unwrap(), b"body");
        assert_eq!(metadata.permissions().mode() & 0o7777, 0o600);
        let modified = metadata.modified().unwrap();
        let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(since.as_secs(), 1_445_412_480);
    }

    #[test]
    fn no_name_leads_out_of_the_folder_and_no_other_bytes_are_laid() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path().join("l")).unwrap();
        for name in ["../y", "/y", "..", "", "a/b", "."] {
            let record = FetchedRecord::write(&layout, vec![file(&layout, name)]).unwrap();
            assert!(
                record.lay(&layout, folder.path(), |_| true).is_err(),
                "{name}"
            );
        }
        let record = FetchedRecord::write(&layout, vec![file(&layout, "y")]).unwrap();
        std::fs::write(layout.blob_path(&record.files[0].digest), "bodY").unwrap();
        assert!(record.lay(&layout, folder.path(), |_| true).is_err());
    }
}
