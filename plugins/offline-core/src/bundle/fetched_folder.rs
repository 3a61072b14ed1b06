//! Folders that ADD fetches, laid as the builder gave them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use tar::{Archive, EntryType};

use super::{Error, FetchedFile, RECORD_FILE};
use crate::layout::{self, Layout};

/// Lays a carried folder below `own`, once its blob is found to be whole.
pub(super) fn lay_folder(layout: &Layout, file: &FetchedFile, own: &Path) -> Result<(), Error> {
    verify(layout, file)?;
    let archive = layout.open_blob(&file.digest)?.take(file.size);
    unpack_folder(archive, &file.name, &file.url, own)
}

/// Unpacks the folder `name` below `own`: files, folders and links of its name alone.
/// `url` says in messages where it was fetched from.
///
/// Folders get their permissions and dates last, as what is written into them changes
/// these.
pub fn unpack_folder(archive: impl Read, name: &str, url: &str, own: &Path) -> Result<(), Error> {
    let failed = |source| Error::Io {
        action: "write",
        path: own.join(name),
        source,
    };
    let strange = |what: &Path| Error::NotABundle {
        path: RECORD_FILE.into(),
        why: format!(
            "what was fetched from {url:?} holds {}, which is no part of a folder",
            what.display()
        ),
    };
    let mut archive = Archive::new(archive);
    archive.set_preserve_permissions(true);
    let mut folders: Vec<(PathBuf, u32, u64)> = Vec::new();
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        // Without a slash at the end, by which a link would be followed.
        let path: PathBuf = entry.path().map_err(failed)?.components().collect();
        if !is_within(&path, name) {
            return Err(strange(&path));
        }
        match entry.header().entry_type() {
            EntryType::Directory => {
                let mode = entry.header().mode().map_err(failed)?;
                let modified = entry.header().mtime().map_err(failed)?;
                make_folder(own, &path).map_err(failed)?;
                folders.push((path, mode, modified));
            }
            EntryType::Link if !leads_within(&entry, name).map_err(failed)? => {
                return Err(strange(&path));
            }
            EntryType::Regular | EntryType::Symlink | EntryType::Link => {
                // It does not go through a link that leads out of the folder.
                if !entry.unpack_in(own).map_err(failed)? {
                    return Err(strange(&path));
                }
            }
            _ => return Err(strange(&path)),
        }
    }
    for (path, mode, modified) in folders.iter().rev() {
        finish(&own.join(path), *mode, *modified).map_err(failed)?;
    }
    Ok(())
}

fn verify(layout: &Layout, file: &FetchedFile) -> Result<(), Error> {
    let mut from = layout.open_blob(&file.digest)?.take(file.size);
    let hashed = layout::hash_reader(&mut from, &|_| ());
    let (actual, _) = hashed.map_err(|source| Error::Io {
        action: "read",
        path: layout.blob_path(&file.digest),
        source,
    })?;
    if actual == file.digest {
        return Ok(());
    }
    let expected = file.digest;
    Err(layout::Error::DigestMismatch { expected, actual }.into())
}

/// Whether it is the folder of this name or lies below it.
fn is_within(path: &Path, name: &str) -> bool {
    let mut parts = path.components();
    let first = parts.next() == Some(Component::Normal(name.as_ref()));
    first && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Whether a hard link is one to a file below the folder of this name.
fn leads_within<R: Read>(entry: &tar::Entry<'_, R>, name: &str) -> io::Result<bool> {
    let to = entry.link_name()?;
    Ok(to.is_some_and(|to| is_within(&to, name)))
}

/// A folder below `own`, and neither a link to one nor one behind a link.
fn make_folder(own: &Path, path: &Path) -> io::Result<()> {
    let mut folder = own.to_owned();
    for part in path.components() {
        folder.push(part);
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !fs::symlink_metadata(&folder)?.is_dir() {
                    return Err(error);
                }
            }
            other => other?,
        }
    }
    Ok(())
}

fn finish(path: &Path, mode: u32, modified: u64) -> io::Result<()> {
    let modified = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(modified));
    File::open(path)?.set_modified(modified.unwrap_or(SystemTime::UNIX_EPOCH))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o7777))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    /// An entry: type, path, what it holds or leads to.
    type Entry<'a> = (EntryType, &'a str, &'a str);

    fn carried(layout: &Layout, entries: &[Entry<'_>]) -> FetchedFile {
        let mut tar = tar::Builder::new(Vec::new());
        for (kind, path, what) in entries {
            let mut header = tar::Header::new_gnu();
            header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(if kind.is_dir() { 0o750 } else { 0o640 });
            header.set_mtime(1_445_412_480);
            let size = if kind.is_file() { what.len() } else { 0 };
            header.set_size(size as u64);
            if !kind.is_file() && !what.is_empty() {
                header.set_link_name(what).unwrap();
            }
            header.set_cksum();
            let body = if kind.is_file() { what.as_bytes() } else { b"" };
            tar.append(&header, body).unwrap();
        }
        let blob = layout.write_blob(&tar.into_inner().unwrap()).unwrap();
        FetchedFile {
            id: "1a".into(),
            url: "https://x.org/y.git".into(),
            name: "tree".into(),
            folder: true,
            digest: blob.digest,
            size: blob.size,
            mode: 0,
            modified: 0,
        }
    }

    const FOLDER: Entry<'_> = (EntryType::Directory, "tree/", "");

    #[test]
    fn a_folder_is_laid_as_it_was() {
        let place = tempfile::tempdir().unwrap();
        let layout = Layout::create(place.path().join("l")).unwrap();
        let entries = [
            FOLDER,
            (EntryType::Directory, "tree/d/", ""),
            (EntryType::Regular, "tree/d/f", "body"),
            (EntryType::Symlink, "tree/link", "d/f"),
            (EntryType::Link, "tree/same", "tree/d/f"),
        ];
        let own = place.path().join("own");
        fs::create_dir(&own).unwrap();
        lay_folder(&layout, &carried(&layout, &entries), &own).unwrap();
        assert_eq!(fs::read(own.join("tree/link")).unwrap(), b"body");
        let inode = |path: &str| fs::metadata(own.join(path)).unwrap().ino();
        assert_eq!(inode("tree/same"), inode("tree/d/f"));
        for (path, mode) in [("tree", 0o750), ("tree/d", 0o750), ("tree/d/f", 0o640)] {
            let metadata = fs::metadata(own.join(path)).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o7777, mode, "{path}");
            let modified = metadata.modified().unwrap();
            let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap();
            assert_eq!(since.as_secs(), 1_445_412_480, "{path}");
        }
    }

    #[test]
    fn nothing_leads_out_of_the_folder() {
        let place = tempfile::tempdir().unwrap();
        let layout = Layout::create(place.path().join("l")).unwrap();
        let elsewhere = place.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let outside = elsewhere.to_str().unwrap();
        let link = (EntryType::Symlink, "tree/d", outside);
        let through = format!("tree/d/{}", "f");
        fs::write(elsewhere.join("f"), "theirs").unwrap();
        let cases: [&[Entry<'_>]; 9] = [
            &[
                FOLDER,
                (EntryType::Link, "tree/f", "tree/../../elsewhere/f"),
            ],
            &[FOLDER, link, (EntryType::Link, "tree/f", &through)],
            &[FOLDER, (EntryType::Regular, "other/f", "x")],
            &[FOLDER, (EntryType::Regular, "tree/../f", "x")],
            &[FOLDER, (EntryType::Link, "tree/f", "/etc/passwd")],
            &[FOLDER, (EntryType::Char, "tree/f", "")],
            &[FOLDER, link, (EntryType::Regular, "tree/d/f", "x")],
            &[FOLDER, link, (EntryType::Directory, "tree/d/", "")],
            &[FOLDER, link, (EntryType::Directory, "tree/d/e/", "")],
        ];
        for (number, entries) in cases.iter().enumerate() {
            let own = place.path().join(number.to_string());
            fs::create_dir(&own).unwrap();
            let file = carried(&layout, entries);
            assert!(lay_folder(&layout, &file, &own).is_err(), "{entries:?}");
        }
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 1);
    }
}
