//! What of a tree is not in its place yet, and what else is there instead.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::super::Error;
use super::{Entry, What, each};

/// A tree beside its tar. What is there besides is nobody's business.
#[derive(Debug, Default)]
pub(in crate::carried) struct Comparison {
    /// What is not there.
    pub(in crate::carried) missing: BTreeSet<PathBuf>,
    /// What is there and differs, with what differs.
    pub(in crate::carried) differing: Vec<(PathBuf, &'static str)>,
}

const MODE: &str = "its mode differs";
const OWNER: &str = "its owner differs";

/// Compares a tar with what lies at `base`. Owners count for root alone: nobody else can
/// set them.
pub(in crate::carried) fn compare(
    tar: &mut dyn Read,
    what: &str,
    base: &Path,
    root: bool,
) -> Result<Comparison, Error> {
    let mut comparison = Comparison::default();
    each(tar, what, &mut |entry, body| {
        let place = place(base, &entry.path);
        let there = match place.symlink_metadata() {
            Ok(there) => there,
            Err(error) if is_absent(&error) => {
                comparison.missing.insert(entry.path.clone());
                return Ok(());
            }
            Err(error) => return Err(Error::io("read", &place)(error)),
        };
        let owned = !root || (there.uid(), there.gid()) == (entry.uid, entry.gid);
        let difference = match &entry.what {
            What::Folder if !there.is_dir() => Some("it is no folder"),
            What::File(_) | What::Hard(_) if !there.is_file() => Some("it is no file"),
            What::Link(_) if !there.is_symlink() => Some("it is no link"),
            What::File(size) if differs(&place, &there, *size, entry, body)? => {
                Some("its content differs")
            }
            What::Hard(to) if !same_file(&place, &there, &base.join(to))? => {
                Some("its content differs")
            }
            What::Link(to) if place.read_link().ok().as_ref() != Some(to) => {
                Some("it leads elsewhere")
            }
            What::File(_) | What::Folder if there.mode() & 0o7777 != entry.mode => Some(MODE),
            _ if !owned => Some(OWNER),
            _ => None,
        };
        if let Some(difference) = difference {
            comparison.differing.push((entry.path.clone(), difference));
        }
        Ok(())
    })?;
    Ok(comparison)
}

/// Whether a difference is of what something is, and not only of whose.
pub(in crate::carried) fn is_of_content(difference: &str) -> bool {
    !matches!(difference, MODE | OWNER)
}

/// Where an entry is; the top one is `base` itself.
pub(super) fn place(base: &Path, path: &Path) -> PathBuf {
    // Joined with nothing, the path of a file would end with a slash.
    if path.as_os_str().is_empty() {
        base.to_owned()
    } else {
        base.join(path)
    }
}

/// Whether an error says that nothing is there; so does a file in the place of a folder.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// By size and time, and where the time differs by content: copying a project may lose it.
fn differs(
    place: &Path,
    there: &Metadata,
    size: u64,
    entry: &Entry,
    body: &mut dyn Read,
) -> Result<bool, Error> {
    if there.len() != size {
        return Ok(true);
    }
    if there.modified().ok() == Some(entry.modified) {
        return Ok(false);
    }
    let file = File::open(place).map_err(Error::io("read", place))?;
    same_bytes(file, body)
        .map(|same| !same)
        .map_err(Error::io("read", place))
}

/// Whether two names are of one file, or of files that say the same.
fn same_file(place: &Path, there: &Metadata, other: &Path) -> Result<bool, Error> {
    let of_other = match other.symlink_metadata() {
        Ok(metadata) if metadata.is_file() => metadata,
        _ => return Ok(false),
    };
    if (there.dev(), there.ino()) == (of_other.dev(), of_other.ino()) {
        return Ok(true);
    }
    if there.len() != of_other.len() {
        return Ok(false);
    }
    let open = |path: &Path| File::open(path).map_err(Error::io("read", path));
    let (mut one, two) = (open(place)?, open(other)?);
    same_bytes(two, &mut one).map_err(Error::io("read", place))
}

fn same_bytes(mut one: impl Read, two: &mut dyn Read) -> io::Result<bool> {
    let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let length = one.read(&mut left)?;
        if length == 0 {
            return Ok(two.read(&mut right)? == 0);
        }
        if two.read_exact(&mut right[..length]).is_err() || left[..length] != right[..length] {
            return Ok(false);
        }
    }
}
