use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::super::Error;
use super::Parts;
use crate::layout::Progress;

/// The bytes of an archive, from its file or from its parts one after the other.
pub(crate) struct Joined {
    open: File,
    left: VecDeque<PathBuf>,
}

/// Opens an archive for reading.
///
/// # Errors
///
/// There is neither the file nor a part of it, it is no regular file, or parts are missing.
pub(crate) fn open(archive: &Path) -> Result<Joined, Error> {
    let mut left = files_of(archive)?;
    let first = left.pop_front().unwrap_or_else(|| archive.to_owned());
    Ok(Joined {
        open: regular(&first)?,
        left,
    })
}

/// The size of an archive in bytes; 0 where it is not there.
pub fn archive_bytes(archive: &Path) -> u64 {
    match fs::metadata(archive) {
        Ok(metadata) => metadata.len(),
        Err(_) => Parts::of(archive).map_or(0, |parts| parts.bytes()),
    }
}

/// Compares the parts of an archive, if it has some, with the `SHA256SUMS` beside them.
///
/// # Errors
///
/// All that are missing or altered, by number.
pub(crate) fn check(archive: &Path, progress: Progress<'_>) -> Result<(), Error> {
    match Parts::of(archive) {
        Some(parts) if !archive.exists() => parts.check(progress).map(|_| ()),
        _ => Ok(()),
    }
}

fn files_of(archive: &Path) -> Result<VecDeque<PathBuf>, Error> {
    if archive.exists() {
        return Ok(VecDeque::from([archive.to_owned()]));
    }
    match Parts::of(archive) {
        Some(parts) => Ok(parts.in_order()?.into()),
        None => Ok(VecDeque::new()),
    }
}

fn regular(path: &Path) -> Result<File, Error> {
    let file = File::open(path).map_err(Error::io("read", path))?;
    let metadata = file.metadata().map_err(Error::io("read", path))?;
    if !metadata.is_file() {
        return Err(Error::NotABundle {
            path: path.to_owned(),
            why: "it is no regular file".into(),
        });
    }
    Ok(file)
}

impl Read for Joined {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.open.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(next) = self.left.pop_front() else {
                return Ok(0);
            };
            self.open = File::open(next)?;
        }
    }
}
