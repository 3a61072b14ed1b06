//! Writes a tree as a tar.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

use super::super::Error;
use super::attributes;
use crate::layout::Progress;

/// What was written of a tree.
#[derive(Debug, Default)]
pub(in crate::carried) struct Written {
    /// Files, folders and links.
    pub(in crate::carried) entries: u64,
    /// Bytes of the files.
    pub(in crate::carried) bytes: u64,
    /// Sockets and devices, which mean nothing elsewhere.
    pub(in crate::carried) left_out: Vec<PathBuf>,
}

/// Writes a file or folder; its entry is called `top`, and what lies in it below that.
/// What it names may be a link itself.
pub(in crate::carried) fn write<W: Write>(
    source: &Path,
    top: &str,
    out: W,
    progress: Progress<'_>,
) -> Result<(Written, W), Error> {
    write_those(source, top, None, out, progress)
}

/// What is written of a folder, from there on.
#[derive(Clone, Copy)]
pub(in crate::carried) struct Those<'a> {
    /// Paths, with the folders they lie in.
    pub(in crate::carried) paths: &'a BTreeSet<PathBuf>,
    /// Folders that our own commands write into, which changes their times: they have that of
    /// the newest of what is written of them.
    pub(in crate::carried) ours: &'a BTreeSet<PathBuf>,
}

/// The same of some paths alone.
pub(in crate::carried) fn write_those<W: Write>(
    source: &Path,
    top: &str,
    those: Option<Those<'_>>,
    out: W,
    progress: Progress<'_>,
) -> Result<(Written, W), Error> {
    let real = source.canonicalize().map_err(Error::io("read", source))?;
    let mut writer = Writer {
        tar: Builder::new(out),
        linked: HashMap::new(),
        written: Written::default(),
        those: those.map(|those| (real.as_path(), those)),
        progress,
    };
    writer.entry(&real, top.as_bytes())?;
    let out = writer.tar.into_inner().map_err(Error::io("read", source))?;
    Ok((writer.written, out))
}

struct Writer<'a, W: Write> {
    tar: Builder<W>,
    /// The name of each file that has several, by device and number.
    linked: HashMap<(u64, u64), Vec<u8>>,
    written: Written,
    /// The only ones, below this folder.
    those: Option<(&'a Path, Those<'a>)>,
    progress: Progress<'a>,
}

impl<W: Write> Writer<'_, W> {
    fn entry(&mut self, path: &Path, name: &[u8]) -> Result<(), Error> {
        let metadata = path.symlink_metadata().map_err(Error::io("read", path))?;
        let kind = metadata.file_type();
        if kind.is_dir() {
            self.header(path, name, &metadata, EntryType::Directory, &[])?;
            let mut names: Vec<OsString> = Vec::new();
            for entry in path.read_dir().map_err(Error::io("read", path))? {
                names.push(entry.map_err(Error::io("read", path))?.file_name());
            }
            names.sort_unstable();
            for inner in names {
                let inside = path.join(&inner);
                if self.is_wanted(&inside) {
                    let below = [name, b"/", inner.as_bytes()].concat();
                    self.entry(&inside, &below)?;
                }
            }
            return Ok(());
        }
        if kind.is_symlink() {
            let to = path.read_link().map_err(Error::io("read", path))?;
            let to = to.as_os_str().as_bytes();
            return self.header(path, name, &metadata, EntryType::Symlink, to);
        }
        if !kind.is_file() {
            debug_assert!(
                kind.is_socket()
                    || kind.is_fifo()
                    || kind.is_char_device()
                    || kind.is_block_device()
            );
            self.written.left_out.push(path.to_owned());
            return Ok(());
        }
        let number = (metadata.dev(), metadata.ino());
        if metadata.nlink() > 1 {
            if let Some(first) = self.linked.get(&number).cloned() {
                return self.header(path, name, &metadata, EntryType::Link, &first);
            }
            self.linked.insert(number, name.to_vec());
        }
        self.file(path, name, &metadata)
    }

    fn is_wanted(&self, path: &Path) -> bool {
        self.those.is_none_or(|(top, those)| {
            let below = path.strip_prefix(top);
            below.is_ok_and(|below| those.paths.contains(below))
        })
    }

    /// When an entry was last written: seconds since 1970, and nanoseconds.
    fn time(&self, path: &Path, metadata: &Metadata) -> (i64, i64) {
        let own = (metadata.mtime(), metadata.mtime_nsec());
        let Some((top, those)) = self.those else {
            return own;
        };
        let below = path.strip_prefix(top).ok();
        if !below.is_some_and(|below| those.ours.contains(below)) {
            return own;
        }
        let entries = path.read_dir().into_iter().flatten().flatten();
        let taken = entries.filter(|entry| self.is_wanted(&entry.path()));
        let times = taken.filter_map(|entry| {
            let metadata = entry.path().symlink_metadata().ok()?;
            Some((metadata.mtime(), metadata.mtime_nsec()))
        });
        times.max().unwrap_or(own)
    }

    fn file(&mut self, path: &Path, name: &[u8], metadata: &Metadata) -> Result<(), Error> {
        let file = File::open(path).map_err(Error::io("read", path))?;
        let size = metadata.len();
        let mut header = self.begin(path, name, metadata, EntryType::Regular, &[])?;
        header.set_size(size);
        header.set_cksum();
        let mut body = Counting {
            inner: file.take(size),
            progress: self.progress,
        };
        self.tar
            .append(&header, &mut body)
            .map_err(Error::io("read", path))?;
        if body.inner.limit() > 0 {
            return Err(Error::Changed {
                path: path.to_owned(),
            });
        }
        self.written.bytes += size;
        Ok(())
    }

    fn header(
        &mut self,
        path: &Path,
        name: &[u8],
        metadata: &Metadata,
        kind: EntryType,
        link: &[u8],
    ) -> Result<(), Error> {
        let mut header = self.begin(path, name, metadata, kind, link)?;
        header.set_size(0);
        header.set_cksum();
        self.tar
            .append(&header, io::empty())
            .map_err(Error::io("read", path))
    }

    /// Writes what does not fit into a header before it (pax, POSIX.1-2001), and gives the
    /// header without its size.
    fn begin(
        &mut self,
        path: &Path,
        name: &[u8],
        metadata: &Metadata,
        kind: EntryType,
        link: &[u8],
    ) -> Result<Header, Error> {
        self.written.entries += 1;
        let (mut header, mut records) = named(name, link);
        let (seconds, nanos) = self.time(path, metadata);
        let before_1970 = seconds < 0;
        let seconds = u64::try_from(seconds).unwrap_or(0);
        if !before_1970 && nanos > 0 {
            let time = format!("{seconds}.{nanos:09}");
            record(&mut records, b"mtime", time.as_bytes());
        }
        // A hard link has those of the file that it is.
        if kind != EntryType::Link {
            for (name, value) in attributes::of(path) {
                let key = [b"SCHILY.xattr.", name.as_bytes()].concat();
                record(&mut records, &key, &value);
            }
        }
        header.set_entry_type(kind);
        header.set_mode(metadata.mode() & 0o7777);
        header.set_uid(metadata.uid().into());
        header.set_gid(metadata.gid().into());
        header.set_mtime(seconds);
        if !records.is_empty() {
            self.tar
                .append(&before(&records), records.as_slice())
                .map_err(Error::io("read", path))?;
        }
        Ok(header)
    }
}

/// A header with these names, and the records for those that it has no room for.
pub(super) fn named(name: &[u8], link: &[u8]) -> (Header, Vec<u8>) {
    let mut header = Header::new_ustar();
    let mut records = Vec::new();
    if !put(&mut header.as_old_mut().name, name) {
        record(&mut records, b"path", name);
    }
    if !put(&mut header.as_old_mut().linkname, link) {
        record(&mut records, b"linkpath", link);
    }
    (header, records)
}

/// The header of the records that stand before that of their entry.
pub(super) fn before(records: &[u8]) -> Header {
    let mut before = Header::new_ustar();
    put(&mut before.as_old_mut().name, b"pax");
    before.set_entry_type(EntryType::XHeader);
    before.set_mode(0o644);
    before.set_mtime(0);
    before.set_size(records.len() as u64);
    before.set_cksum();
    before
}

/// Whether a text fits into a field of a header; it is cut where not.
fn put(field: &mut [u8; 100], text: &[u8]) -> bool {
    let length = text.len().min(field.len());
    field[..length].copy_from_slice(&text[..length]);
    length == text.len()
}

/// `LENGTH KEY=VALUE\n`, where the length counts itself.
fn record(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend(format!("{length} ").as_bytes());
    records.extend(key);
    records.push(b'=');
    records.extend(value);
    records.push(b'\n');
}

struct Counting<'a> {
    inner: io::Take<File>,
    progress: Progress<'a>,
}

impl Read for Counting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        (self.progress)(read as u64);
        Ok(read)
    }
}
