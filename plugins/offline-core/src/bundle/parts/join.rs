use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::super::Error;
use super::Parts;

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
    let mut left: VecDeque<PathBuf> = match Parts::of(archive) {
        Some(parts) => parts.in_order()?.into(),
        None => VecDeque::new(),
    };
    let first = left.pop_front().unwrap_or_else(|| archive.to_owned());
    Ok(Joined {
        open: regular(&first)?,
        left,
    })
}

/// The size of an archive in bytes; 0 where it is not there.
pub fn archive_bytes(archive: &Path) -> u64 {
    match Parts::of(archive) {
        Some(parts) => parts.bytes(),
        None => fs::metadata(archive).map_or(0, |metadata| metadata.len()),
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
