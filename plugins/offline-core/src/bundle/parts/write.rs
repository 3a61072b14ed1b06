use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::super::Error;
use super::{MOST, part, part_of};
use crate::layout::{Digest, Hashed, Replacement};

/// A file that is being written, and what becomes of it.
struct Open {
    place: PathBuf,
    replacement: Replacement,
    out: Hashed<BufWriter<fs::File>>,
    bytes: u64,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The archive, or a part of it.
    pub path: PathBuf,
    /// Its digest.
    pub sha256: Digest,
}

/// Writes an archive, whole or in parts. What was there before stays until
/// [`Output::commit`].
pub(crate) struct Output {
    archive: PathBuf,
    most: Option<u64>,
    done: Vec<(Written, Replacement)>,
    open: Open,
    bytes: u64,
}

impl Output {
    /// Begins. With `split`, no file gets more bytes than that.
    pub(crate) fn of(archive: &Path, split: Option<u64>) -> Result<Self, Error> {
        let first = split.map_or_else(|| archive.to_owned(), |_| part(archive, 1));
        Ok(Self {
            archive: archive.to_owned(),
            most: split,
            done: Vec::new(),
            open: Open::at(first)?,
            bytes: 0,
        })
    }

    /// Puts all of it in its place, and takes away what an earlier export under this name
    /// has left beside it. Gives the files and the bytes of all together.
    pub(crate) fn commit(mut self) -> Result<(Vec<Written>, u64), Error> {
        self.done.push(self.open.close()?);
        let mut files = Vec::new();
        for (written, replacement) in self.done {
            replacement.commit()?;
            files.push(written);
        }
        remove_others(&self.archive, &files)?;
        Ok((files, self.bytes))
    }

    fn next(&mut self) -> Result<(), Error> {
        if self.done.len() + 1 == MOST {
            return Err(Error::TooManyParts {
                archive: self.archive.clone(),
                most: MOST,
            });
        }
        let next = Open::at(part(&self.archive, self.done.len() + 2))?;
        let full = std::mem::replace(&mut self.open, next);
        self.done.push(full.close()?);
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let mut room = buffer.len();
        if let Some(most) = self.most {
            if self.open.bytes == most {
                self.next().map_err(io::Error::other)?;
            }
            let left = most - self.open.bytes;
            room = usize::try_from(left).map_or(room, |left| room.min(left));
        }
        let written = self.open.out.write(&buffer[..room])?;
        self.open.bytes += written as u64;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open.out.flush()
    }
}

impl Open {
    fn at(place: PathBuf) -> Result<Self, Error> {
        let mut replacement = Replacement::of(&place)?;
        let file = replacement.file().try_clone();
        let file = file.map_err(Error::io("write", &place))?;
        Ok(Self {
            out: Hashed::new(BufWriter::with_capacity(1 << 18, file)),
            place,
            replacement,
            bytes: 0,
        })
    }

    fn close(self) -> Result<(Written, Replacement), Error> {
        let (mut out, sha256, _) = self.out.finish();
        out.flush().map_err(Error::io("write", &self.place))?;
        let path = self.place;
        Ok((Written { path, sha256 }, self.replacement))
    }
}

/// The whole archive beside its parts, parts beside the whole, and parts that are more
/// than there are now: nobody could tell which of them belong together.
fn remove_others(archive: &Path, files: &[Written]) -> Result<(), Error> {
    let folder = archive.with_file_name("");
    let parts = fs::read_dir(&folder).into_iter().flatten().flatten();
    let parts = parts.map(|entry| entry.path());
    let parts = parts.filter(|path| part_of(path).is_some_and(|(of, _)| of == *archive));
    let whole = std::iter::once(archive.to_owned()).filter(|path| path.is_file());
    for path in parts.chain(whole) {
        if !files.iter().any(|written| written.path == path) {
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}
