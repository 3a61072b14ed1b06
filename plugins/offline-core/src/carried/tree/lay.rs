//! Puts a tree into its place.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, lchown, symlink};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT, utimensat};

use super::super::Error;
use super::compare::place;
use super::{Entry, What, attributes, each};
use crate::layout::Progress;

/// Zeros are not written: a file that was sparse is so again.
const BLOCK: usize = 1 << 16;

/// Which entries are put there.
pub(in crate::carried) enum Choice<'a> {
    /// All; nothing that could be lost is there.
    All,
    /// All, but for folders that are there.
    Beside,
    /// These. What else is there stays.
    These(&'a BTreeSet<PathBuf>),
}

/// Puts a tree to `base`. Each file is written beside its place and renamed. Gives the
/// number of entries.
pub(in crate::carried) fn lay(
    tar: &mut dyn Read,
    what: &str,
    base: &Path,
    choice: &Choice<'_>,
    root: bool,
    progress: Progress<'_>,
) -> Result<u64, Error> {
    let mut laying = Laying {
        what,
        base,
        root,
        progress,
        folders: Vec::new(),
        number: 0,
    };
    each(tar, what, &mut |entry, body| {
        let chosen = match choice {
            Choice::All => true,
            Choice::Beside => {
                let there = place(base, &entry.path).symlink_metadata();
                entry.what != What::Folder || !there.is_ok_and(|m| m.is_dir())
            }
            Choice::These(these) => these.contains(&entry.path),
        };
        if chosen {
            laying.entry(entry, body)?;
        }
        Ok(())
    })?;
    laying.finish()
}

struct Laying<'a> {
    what: &'a str,
    base: &'a Path,
    root: bool,
    progress: Progress<'a>,
    /// Folders get their own once all is in them: writing into one changes its time, and
    /// needs rights that it may not grant.
    folders: Vec<(PathBuf, Entry)>,
    number: u64,
}

impl Laying<'_> {
    fn entry(&mut self, entry: &Entry, body: &mut dyn Read) -> Result<(), Error> {
        self.refuse_links(&entry.path)?;
        let to = place(self.base, &entry.path);
        self.number += 1;
        match &entry.what {
            What::Folder => {
                if !to.symlink_metadata().is_ok_and(|m| m.is_dir()) {
                    remove(&to)?;
                    fs::create_dir(&to).map_err(Error::io("make", &to))?;
                    set_mode(&to, 0o700)?;
                }
                self.folders.push((to, copy(entry)));
                Ok(())
            }
            What::File(size) => beside(&to, |new| {
                self.file(new, *size, body)?;
                self.dress(new, entry)
            }),
            What::Link(target) => beside(&to, |new| {
                symlink(target, new).map_err(Error::io("write", new))?;
                self.dress(new, entry)
            }),
            What::Hard(first) => {
                self.refuse_links(first)?;
                let first = self.base.join(first);
                if !first.symlink_metadata().is_ok_and(|m| m.is_file()) {
                    return Err(self.hostile(&entry.path, "it is another name of no file"));
                }
                beside(&to, |new| {
                    fs::hard_link(&first, new).map_err(Error::io("write", new))
                })
            }
        }
    }

    fn file(&self, new: &Path, size: u64, body: &mut dyn Read) -> Result<(), Error> {
        let failed = |source| Error::io("write", new)(source);
        let mut to = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(new)
            .map_err(failed)?;
        let mut buffer = vec![0; BLOCK];
        let mut left = size;
        while left > 0 {
            let length = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
            let part = &mut buffer[..length];
            body.read_exact(part).map_err(|source| Error::Unreadable {
                what: self.what.to_owned(),
                source,
            })?;
            if part.iter().all(|byte| *byte == 0) {
                let ahead = i64::try_from(length).unwrap_or(0);
                to.seek(SeekFrom::Current(ahead)).map_err(failed)?;
            } else {
                to.write_all(part).map_err(failed)?;
            }
            left -= length as u64;
            (self.progress)(length as u64);
        }
        to.set_len(size).map_err(failed)
    }

    /// Owner first: to change it takes special bits of the mode away.
    fn dress(&self, path: &Path, entry: &Entry) -> Result<(), Error> {
        if self.root {
            lchown(path, Some(entry.uid), Some(entry.gid)).map_err(Error::io("own", path))?;
        }
        if !matches!(entry.what, What::Link(_)) {
            set_mode(path, entry.mode)?;
        }
        attributes::set(path, &entry.attributes);
        set_time(path, entry.modified).map_err(Error::io("write", path))
    }

    /// No folder on the way to an entry is a link: through one that came before, a file
    /// would be written anywhere.
    fn refuse_links(&self, path: &Path) -> Result<(), Error> {
        for above in path.ancestors().skip(1) {
            let there = place(self.base, above).symlink_metadata();
            if !there.is_ok_and(|m| m.is_dir()) {
                return Err(self.hostile(path, "what it lies in is no folder"));
            }
        }
        Ok(())
    }

    fn hostile(&self, path: &Path, why: &'static str) -> Error {
        Error::Hostile {
            what: self.what.to_owned(),
            entry: path.to_string_lossy().into_owned(),
            why,
        }
    }

    fn finish(self) -> Result<u64, Error> {
        for (path, entry) in self.folders.iter().rev() {
            self.dress(path, entry)?;
        }
        let folder = self.base.parent().unwrap_or(Path::new("/"));
        // A volume is another disk than what it is mounted into.
        let opened = File::open(self.base).or_else(|_| File::open(folder));
        let synced = opened.map(|file| rustix::fs::syncfs(&file));
        synced
            .map_err(Error::io("write", folder))?
            .map_err(|e| Error::io("write", folder)(e.into()))?;
        Ok(self.number)
    }
}

/// Makes something beside its place, and renames it.
fn beside(to: &Path, make: impl FnOnce(&Path) -> Result<(), Error>) -> Result<(), Error> {
    let folder = to.parent().unwrap_or(Path::new("/"));
    let new = folder.join(format!(".docker-offline-{}", std::process::id()));
    let _ = fs::remove_file(&new);
    let result = make(&new).and_then(|()| {
        if to.symlink_metadata().is_ok_and(|m| m.is_dir()) {
            remove(to)?;
        }
        fs::rename(&new, to).map_err(Error::io("write", to))
    });
    // Two names of one file are renamed to nothing new: the first one stays.
    let _ = fs::remove_file(&new);
    result
}

/// A folder's entry, without what is of its content.
fn copy(entry: &Entry) -> Entry {
    Entry {
        path: PathBuf::new(),
        what: What::Folder,
        attributes: entry.attributes.clone(),
        ..*entry
    }
}

fn set_mode(path: &Path, mode: u32) -> Result<(), Error> {
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(Error::io("write", path))
}

fn set_time(path: &Path, modified: SystemTime) -> io::Result<()> {
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: i64::try_from(since.as_secs()).unwrap_or(0),
            tv_nsec: since.subsec_nanos().into(),
        },
    };
    Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Takes away what is in the place of an entry.
fn remove(path: &Path) -> Result<(), Error> {
    let removed = match path.symlink_metadata() {
        Err(_) => return Ok(()),
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    };
    removed.map_err(Error::io("replace", path))
}
