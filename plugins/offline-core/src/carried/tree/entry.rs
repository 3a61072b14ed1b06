//! Reads a tar as [`super::write`] writes it, and refuses every other one.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tar::{EntryType, Header};

use super::super::Error;
use super::attributes::{Attribute, is_kept};

/// The largest header of names and attributes that is read into memory.
const LIMIT: u64 = 1 << 20;

/// One file, folder or link.
#[derive(Debug)]
pub(in crate::carried) struct Entry {
    /// From the top entry on; empty for that one itself.
    pub(in crate::carried) path: PathBuf,
    pub(in crate::carried) what: What,
    pub(in crate::carried) mode: u32,
    pub(in crate::carried) uid: u32,
    pub(in crate::carried) gid: u32,
    pub(in crate::carried) modified: SystemTime,
    pub(in crate::carried) attributes: Vec<Attribute>,
}

/// What an entry is.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::carried) enum What {
    /// A file of so many bytes.
    File(u64),
    Folder,
    /// A symbolic link, to anywhere: it is never followed.
    Link(PathBuf),
    /// One more name of a file that came before, from the top entry on.
    Hard(PathBuf),
}

/// Takes an entry with its bytes.
pub(in crate::carried) type Take<'a> = dyn FnMut(&Entry, &mut dyn Read) -> Result<(), Error> + 'a;

/// Calls `take` with every entry. `what` names the tar in errors.
pub(in crate::carried) fn each(
    tar: &mut dyn Read,
    what: &str,
    take: &mut Take<'_>,
) -> Result<(), Error> {
    let mut names = Names { what, top: None };
    let unreadable = |source| names.unreadable(source);
    let mut archive = tar::Archive::new(tar);
    // Raw: the crate would read headers of any size into memory.
    let entries = archive.entries().map_err(unreadable)?.raw(true);
    let mut more = More::default();
    for entry in entries {
        let mut entry = entry.map_err(|source| names.unreadable(source))?;
        let header = entry.header().clone();
        if header.entry_type() == EntryType::XHeader {
            more = names.more(&mut entry)?;
            continue;
        }
        let found = names.entry(&header, entry.size(), std::mem::take(&mut more))?;
        take(&found, &mut entry)?;
    }
    if names.top.is_none() {
        return Err(names.unreadable(io::Error::other("it is empty")));
    }
    Ok(())
}

/// The names that a tar may have: one at its top, and others below that.
struct Names<'a> {
    what: &'a str,
    top: Option<Vec<u8>>,
}

impl Names<'_> {
    fn entry(&mut self, header: &Header, size: u64, more: More) -> Result<Entry, Error> {
        let old = header.as_old();
        let name = more.path.unwrap_or_else(|| field(&old.name));
        let path = self.path(&name)?;
        let refused = |why| self.refused(&name, why);
        let link = more.link.unwrap_or_else(|| field(&old.linkname));
        let what = match header.entry_type() {
            EntryType::Regular => What::File(size),
            EntryType::Directory => What::Folder,
            EntryType::Symlink if !link.is_empty() => What::Link(path_of(link)),
            EntryType::Link => What::Hard(self.below(&link)?),
            _ => return Err(refused("it is neither a file nor a folder nor a link")),
        };
        let number = |number: io::Result<u64>| {
            let number = number.ok().and_then(|n| u32::try_from(n).ok());
            number.ok_or_else(|| refused("its header cannot be read"))
        };
        let seconds = header.mtime().map_err(|e| self.unreadable(e))?;
        let time = more.modified.unwrap_or(Duration::from_secs(seconds));
        let modified = SystemTime::UNIX_EPOCH.checked_add(time);
        Ok(Entry {
            path,
            what,
            mode: number(header.mode().map(u64::from))? & 0o7777,
            uid: number(header.uid())?,
            gid: number(header.gid())?,
            modified: modified.unwrap_or(SystemTime::UNIX_EPOCH),
            attributes: more.attributes,
        })
    }

    fn more(&self, entry: &mut tar::Entry<'_, impl Read>) -> Result<More, Error> {
        let name = field(&entry.header().as_old().name);
        if entry.size() > LIMIT {
            return Err(self.refused(&name, "its header is too large"));
        }
        let mut bytes = Vec::new();
        let read = entry.read_to_end(&mut bytes);
        read.map_err(|source| self.unreadable(source))?;
        More::parse(&bytes).ok_or_else(|| self.refused(&name, "its header cannot be read"))
    }

    /// From the top entry on; the first one is that.
    fn path(&mut self, name: &[u8]) -> Result<PathBuf, Error> {
        if self.top.is_some() {
            return self.below(name);
        }
        if name.contains(&b'/') || checked(name).is_err() {
            return Err(self.refused(name, "its first entry is no plain name"));
        }
        self.top = Some(name.to_vec());
        Ok(PathBuf::new())
    }

    fn below(&self, name: &[u8]) -> Result<PathBuf, Error> {
        let top = self.top.as_deref().unwrap_or_default();
        match name.strip_prefix(top).map(<[u8]>::split_first) {
            Some(None) => Ok(PathBuf::new()),
            Some(Some((b'/', rest))) => checked(rest).map_err(|why| self.refused(name, why)),
            _ => Err(self.refused(name, "it lies elsewhere")),
        }
    }

    fn refused(&self, name: &[u8], why: &'static str) -> Error {
        Error::Hostile {
            what: self.what.to_owned(),
            entry: String::from_utf8_lossy(name).into_owned(),
            why,
        }
    }

    fn unreadable(&self, source: io::Error) -> Error {
        Error::Unreadable {
            what: self.what.to_owned(),
            source,
        }
    }
}

/// A field of a header up to its first zero.
fn field(bytes: &[u8; 100]) -> Vec<u8> {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    bytes[..end].to_vec()
}

fn path_of(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}

/// A relative path of plain names alone.
fn checked(name: &[u8]) -> Result<PathBuf, &'static str> {
    for part in name.split(|b| *b == b'/') {
        match part {
            b"" => return Err("its path is no plain path"),
            b"." | b".." => return Err("its path leaves its place"),
            _ => {}
        }
    }
    if name.contains(&0) {
        return Err("its path is no plain path");
    }
    Ok(path_of(name.to_vec()))
}

/// What stands in an extended header.
#[derive(Default)]
struct More {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    modified: Option<Duration>,
    attributes: Vec<Attribute>,
}

impl More {
    fn parse(mut bytes: &[u8]) -> Option<Self> {
        let mut more = Self::default();
        while !bytes.is_empty() {
            let space = bytes.iter().position(|b| *b == b' ')?;
            let length: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
            let record = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
            bytes = &bytes[length..];
            let equals = record.iter().position(|b| *b == b'=')?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"path" => more.path = Some(value.to_vec()),
                b"linkpath" => more.link = Some(value.to_vec()),
                b"mtime" => more.modified = Some(time(value)?),
                key => {
                    let name = key.strip_prefix(b"SCHILY.xattr.").filter(|n| is_kept(n))?;
                    let name = OsString::from_vec(name.to_vec());
                    more.attributes.push((name, value.to_vec()));
                }
            }
        }
        Some(more)
    }
}

/// `SECONDS.NNNNNNNNN`
fn time(value: &[u8]) -> Option<Duration> {
    let (seconds, nanos) = std::str::from_utf8(value).ok()?.split_once('.')?;
    let nanos: u32 = nanos.parse().ok().filter(|n| *n < 1_000_000_000)?;
    Some(Duration::new(seconds.parse().ok()?, nanos))
}
