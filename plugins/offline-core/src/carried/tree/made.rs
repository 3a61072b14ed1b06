//! A tar of what lies in no tree: single files, and content stores put together from blobs.

use std::collections::VecDeque;
use std::io::{self, Cursor, Read};

use tar::EntryType;

use super::write::{before, named};

/// When everything was made that has no time of its own, in seconds since 1970: the first
/// day of 1980, which archives of every sort can say.
pub(in crate::carried) const TIME: u64 = 315_532_800;

type Open = Box<dyn FnOnce() -> io::Result<Box<dyn Read>>>;

/// What an entry is.
pub(in crate::carried) enum Item {
    /// A folder.
    Folder,
    /// A file of so many bytes, and where they come from.
    File(u64, Open),
    /// A symbolic link.
    Link(String),
}

enum Part {
    Bytes(Vec<u8>),
    Body(u64, Open),
}

/// A tar that is made while it is read. Everything belongs to root.
#[derive(Default)]
pub(in crate::carried) struct Made {
    parts: VecDeque<Part>,
    now: Option<Box<dyn Read>>,
}

impl Made {
    /// Adds an entry with the name and mode.
    pub(in crate::carried) fn push(&mut self, name: &str, mode: u32, item: Item) {
        let (kind, size, link) = match &item {
            Item::Folder => (EntryType::Directory, 0, ""),
            Item::File(size, _) => (EntryType::Regular, *size, ""),
            Item::Link(to) => (EntryType::Symlink, 0, to.as_str()),
        };
        let (mut header, records) = named(name.as_bytes(), link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(TIME);
        header.set_size(size);
        header.set_cksum();
        if !records.is_empty() {
            self.raw(before(&records).as_bytes().to_vec());
            let length = records.len() as u64;
            self.raw(records);
            self.raw(padding(length));
        }
        self.raw(header.as_bytes().to_vec());
        if let Item::File(size, open) = item {
            self.parts.push_back(Part::Body(size, open));
            self.raw(padding(size));
        }
    }

    /// Says that this was the last entry.
    pub(in crate::carried) fn end(mut self) -> Self {
        self.raw(vec![0; 1024]);
        self
    }

    fn raw(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.parts.push_back(Part::Bytes(bytes));
        }
    }
}

fn padding(size: u64) -> Vec<u8> {
    let over = usize::try_from(size % 512).unwrap_or(0);
    vec![0; (512 - over) % 512]
}

impl Read for Made {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(now) = &mut self.now {
                let length = now.read(buffer)?;
                if length > 0 || buffer.is_empty() {
                    return Ok(length);
                }
            }
            self.now = match self.parts.pop_front() {
                None => return Ok(0),
                Some(Part::Bytes(bytes)) => Some(Box::new(Cursor::new(bytes))),
                Some(Part::Body(size, open)) => Some(Box::new(Exactly {
                    inner: open()?.take(size),
                })),
            };
        }
    }
}

/// As many bytes as were announced: what is shorter would move all that follows.
struct Exactly {
    inner: io::Take<Box<dyn Read>>,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        if length == 0 && self.inner.limit() > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Choice, compare, lay};
    use super::*;

    fn made(text: &'static str) -> Made {
        let long = format!("top/{}", "n".repeat(120));
        let file = |text: &'static str| {
            let open: Open = Box::new(move || Ok(Box::new(text.as_bytes()) as Box<dyn Read>));
            Item::File(text.len() as u64, open)
        };
        let mut made = Made::default();
        made.push("top", 0o755, Item::Folder);
        made.push("top/a", 0o640, file(text));
        made.push(&long, 0o644, file(""));
        made.push("top/l", 0o777, Item::Link("x".repeat(110)));
        made.end()
    }

    #[test]
    fn what_is_made_is_laid_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("base");
        let laid = lay(&mut made("one"), "it", &base, &Choice::All, false, &|_| ());
        assert_eq!(laid.unwrap(), 4);
        assert_eq!(std::fs::read(base.join("a")).unwrap(), b"one");
        assert!(base.join("n".repeat(120)).exists());
        let same = compare(&mut made("one"), "it", &base, false).unwrap();
        assert!(same.missing.is_empty() && same.differing.is_empty());
        let other = compare(&mut made("four"), "it", &base, false).unwrap();
        assert_eq!(other.differing.len(), 1);
    }

    #[test]
    fn a_body_that_is_too_short_is_an_error() {
        let mut made = Made::default();
        made.push(
            "top",
            0o644,
            Item::File(5, Box::new(|| Ok(Box::new(&b"1234"[..])))),
        );
        let read = io::copy(&mut made.end(), &mut io::sink());
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
