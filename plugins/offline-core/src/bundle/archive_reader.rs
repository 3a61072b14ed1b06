use std::cell::Cell;
use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;

use super::archive::DOCUMENTS;
use super::parts::{self, Joined, Parts};
use super::{Compression, Error, RECORD_FILE, Record, compression};
use crate::event::Task;
use crate::layout::{self, Digest, read_document};

/// Reads the record of an archive: its first file, so it costs little.
pub fn read_record(archive: &Path) -> Result<Record, Error> {
    let mut reader = Reader::open(archive, None)?;
    reader.record().map(|(record, _)| record)
}

/// The documents at the root of an archive, without reading its blobs.
pub(super) fn read_documents(archive: &Path) -> Result<HashMap<String, Vec<u8>>, Error> {
    let mut reader = Reader::open(archive, None)?;
    let mut documents = HashMap::new();
    reader.each(&mut |name, size, entry| {
        if !DOCUMENTS.contains(&name) {
            return Ok(false);
        }
        documents.insert(name.to_owned(), whole_document(archive, name, size, entry)?);
        Ok(documents.len() < DOCUMENTS.len())
    })?;
    Ok(documents)
}

/// Reads one blob of an archive, of at most `limit` bytes, and verifies it. What
/// names other blobs lies at the front, so that it costs little.
pub(super) fn read_blob(archive: &Path, digest: &Digest, limit: u64) -> Result<Vec<u8>, Error> {
    let wanted = format!("blobs/sha256/{}", digest.hex());
    let mut found = None;
    Reader::open(archive, None)?.each(&mut |name, size, entry| {
        if name != wanted {
            return Ok(true);
        }
        if size > limit {
            return Err(layout::Error::TooLarge {
                what: digest.to_string(),
                size,
                limit,
            }
            .into());
        }
        let mut bytes = Vec::new();
        let read = entry.take(size).read_to_end(&mut bytes);
        read.map_err(Error::io("read", archive))?;
        found = Some(bytes);
        Ok(false)
    })?;
    let bytes = found.ok_or_else(|| Error::BlobMissing {
        digest: *digest,
        path: archive.to_owned(),
    })?;
    let actual = Digest::of(&bytes);
    if actual != *digest {
        return Err(Error::Altered {
            path: archive.to_owned(),
            what: wanted,
            why: format!("its bytes have the digest {actual}"),
        });
    }
    Ok(bytes)
}

/// Is given the name, the size and the bytes of a file; says whether to go on.
pub(super) type Take<'a> = dyn FnMut(&str, u64, &mut dyn Read) -> Result<bool, Error> + 'a;

/// An archive read from its start, with its path and how far it was read.
pub(super) struct Reader<'a> {
    path: &'a Path,
    tar: tar::Archive<Box<dyn Read + 'a>>,
    plain: bool,
    ended: Rc<Cell<bool>>,
}

impl<'a> Reader<'a> {
    pub(super) fn open(path: &'a Path, task: Option<&'a Task<'a>>) -> Result<Self, Error> {
        let ended = Rc::new(Cell::new(false));
        let source = Source {
            file: parts::open(path)?,
            ended: ended.clone(),
            task,
        };
        let (kind, decoder) = compression::decoder(source, path)?;
        Ok(Self {
            path,
            tar: tar::Archive::new(decoder),
            plain: kind == Compression::None,
            ended,
        })
    }

    /// Reads what follows the last file: the compressors' own checksums are there.
    pub(super) fn finish(self) -> Result<(), Error> {
        const PADDING: u64 = 1 << 20;
        let mut rest = self.tar.into_inner().take(PADDING);
        match io::copy(&mut rest, &mut io::sink()) {
            Ok(_) => Ok(()),
            Err(_) if self.ended.get() => Err(cut(self.path, None)),
            Err(error) => Err(Error::Altered {
                path: self.path.to_owned(),
                what: "the end".into(),
                why: error.to_string(),
            }),
        }
    }

    /// The record and its bytes: the first file.
    pub(super) fn record(&mut self) -> Result<(Record, Vec<u8>), Error> {
        let mut found = None;
        let path = self.path;
        self.each(&mut |name, size, entry| {
            if name == RECORD_FILE {
                let bytes = whole_document(path, name, size, entry)?;
                let record = Record::parse(&bytes).map_err(|error| match error {
                    Error::RecordMalformed { source } => Error::Altered {
                        path: path.to_owned(),
                        what: RECORD_FILE.into(),
                        why: source.to_string(),
                    },
                    other => other,
                })?;
                found = Some((record, bytes));
            }
            Ok(false)
        })?;
        found.ok_or_else(|| Error::NotABundle {
            path: self.path.to_owned(),
            why: format!("its first file is not {RECORD_FILE}"),
        })
    }

    /// Calls `take` with each regular file until it says to stop.
    pub(super) fn each(&mut self, take: &mut Take<'_>) -> Result<(), Error> {
        let mut at = None;
        let ended = self.ended.clone();
        let path = self.path;
        let failed = move |at: Option<String>, error: io::Error| {
            if ended.get() {
                cut(path, at.as_deref())
            } else if error.raw_os_error().is_some() {
                Error::io("read", path)(error)
            } else {
                Error::Altered {
                    path: path.to_owned(),
                    what: at.unwrap_or_else(|| "the start".into()),
                    why: error.to_string(),
                }
            }
        };
        // Raw entries: extension headers, which a tar of this tool never has,
        // could hold names and sizes without end.
        let entries = self.tar.entries().map_err(|e| failed(None, e))?.raw(true);
        for entry in entries {
            let mut entry = entry.map_err(|e| failed(at.clone(), e))?;
            let raw = entry.path_bytes().into_owned();
            let name = checked_name(path, &raw, entry.header().entry_type())?;
            if entry.header().entry_type().is_dir() {
                continue;
            }
            at = Some(name.clone());
            match take(&name, entry.size(), &mut entry) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                // A read that failed within a blob or a document.
                Err(Error::Io {
                    action: "read",
                    path: of,
                    source,
                }) if of == path => return Err(failed(at, source)),
                Err(Error::Layout(layout::Error::Stream { source, .. })) => {
                    return Err(failed(at, source));
                }
                Err(error) => return Err(error),
            }
        }
        // An uncompressed tar that is cut between two files only lacks its end
        // marker; with it, nothing would have been read beyond.
        if self.plain && self.ended.get() {
            return Err(cut(path, at.as_deref()));
        }
        if at.is_none() {
            return Err(Error::NotABundle {
                path: path.to_owned(),
                why: "it is an empty tar".into(),
            });
        }
        Ok(())
    }
}

/// A document, of which no byte may be missing.
pub(super) fn whole_document(
    archive: &Path,
    name: &str,
    size: u64,
    entry: &mut dyn Read,
) -> Result<Vec<u8>, Error> {
    let bytes = read_document(entry, name)?;
    if (bytes.len() as u64) < size {
        return Err(cut(archive, Some(name)));
    }
    Ok(bytes)
}

pub(super) fn cut(archive: &Path, at: Option<&str>) -> Error {
    // Without sums beside them, nothing else says that there are more.
    if let Some(parts) = Parts::of(archive) {
        return parts.behind_the_last();
    }
    Error::Truncated {
        path: archive.to_owned(),
        at: at.map(ToOwned::to_owned),
    }
}

fn checked_name(path: &Path, raw: &[u8], kind: tar::EntryType) -> Result<String, Error> {
    let shown = String::from_utf8_lossy(raw).into_owned();
    let refused = |why| Error::Refused {
        path: path.to_owned(),
        entry: shown.clone(),
        why,
    };
    if !kind.is_file() && !kind.is_dir() {
        return Err(refused("it is neither a file nor a folder"));
    }
    if shown.starts_with('/') {
        return Err(refused("its path is absolute"));
    }
    let parts: Vec<&str> = shown
        .split('/')
        .filter(|p| !matches!(*p, "" | "."))
        .collect();
    if parts.contains(&"..") {
        return Err(refused("its path leaves the folder"));
    }
    Ok(parts.join("/"))
}

/// The archive's bytes; remembers whether they came to their end.
struct Source<'a> {
    file: Joined,
    ended: Rc<Cell<bool>>,
    task: Option<&'a Task<'a>>,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        if n == 0 && !buffer.is_empty() {
            self.ended.set(true);
        }
        if let Some(task) = self.task {
            task.advance(n as u64);
        }
        Ok(n)
    }
}
