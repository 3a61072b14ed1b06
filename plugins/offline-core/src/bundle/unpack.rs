use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::Path;

use super::archive::DOCUMENTS;
use super::archive_reader::{Reader, whole_document};
use super::blobs::{Blobs, Chosen, Coming, Looking, Telling};
use super::parts::Parts;
use super::{Error, Holding, RECORD_FILE, Record, archive_bytes, verified};
use serde::de::DeserializeOwned;

use crate::event::{Reporter, Task, Work};
use crate::layout::{self, Digest, Index, Layout, Manifest, media_type, replace_file};

/// What [`unpack`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// Whether the folder held this very bundle already.
    pub nothing_to_do: bool,
    /// How many blobs were written.
    pub new_blobs: usize,
    /// Their size in bytes.
    pub new_bytes: u64,
}

/// Unpacks an archive into a bundle folder.
///
/// Blobs are verified while they are written, and those that are there already
/// are skipped, so a cut run continues; the old bundle stays whole until all
/// blobs of the new one are there.
pub fn unpack(archive: &Path, folder: &Path, reporter: &dyn Reporter) -> Result<Unpacked, Error> {
    unpack_as(archive, folder, !folder.exists(), reporter)
}

/// The same into a folder that is held, and that may have been made for it just now.
pub fn unpack_held(
    archive: &Path,
    held: &Holding,
    reporter: &dyn Reporter,
) -> Result<Unpacked, Error> {
    unpack_as(archive, held.folder(), held.is_new(), reporter)
}

fn unpack_as(
    archive: &Path,
    folder: &Path,
    new: bool,
    reporter: &dyn Reporter,
) -> Result<Unpacked, Error> {
    let size = archive_bytes(archive);
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    let work = Work::Unpack {
        archive: name.into_owned(),
    };
    let (record, bytes) = Reader::open(archive, None)?.record()?;
    if holds(folder, &bytes) {
        return Ok(Unpacked {
            nothing_to_do: true,
            ..Unpacked::default()
        });
    }
    parts_are_whole(archive, reporter)?;
    let task = Task::start(reporter, work, Some(size));
    let result = unpack_into(archive, folder, &record, &task);
    if new && result.as_ref().is_err_and(Error::is_damage) {
        // Nothing of a damaged archive stays where nothing was; after a full disk
        // or an interruption what is unpacked is worth keeping.
        let _ = std::fs::remove_dir_all(folder);
    }
    result
}

/// Each part is looked at before anything is touched: all that has to be copied again is
/// said at once.
pub(super) fn parts_are_whole(archive: &Path, reporter: &dyn Reporter) -> Result<(), Error> {
    let Some(parts) = Parts::of(archive) else {
        return Ok(());
    };
    let task = Task::start(reporter, Work::Verify, Some(parts.bytes()));
    parts.check(&|bytes| task.advance(bytes)).map(|_| ())
}

/// Unpacks of an archive what says what is in it, for one who only wants to know what a
/// build of it would do: all but the layers of images and the bodies of recordings.
pub fn unpack_documents(
    archive: &Path,
    folder: &Path,
    reporter: &dyn Reporter,
) -> Result<(), Error> {
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    let work = Work::Unpack {
        archive: name.into_owned(),
    };
    let (record, _) = Reader::open(archive, None)?.record()?;
    parts_are_whole(archive, reporter)?;
    let task = Task::start(reporter, work, Some(archive_bytes(archive)));
    let layout = Layout::create(folder)?;
    let blobs = Box::new(Telling::new(&layout, &record));
    read_all(archive, blobs, &record, Some(&task))?.finish(&layout)?;
    Ok(())
}

/// Unpacks of an archive these artifacts with what they consist of, verified, into a folder
/// that is no bundle; the rest of the archive is not read to its end.
pub fn unpack_artifacts(
    archive: &Path,
    folder: &Path,
    artifacts: &[layout::Descriptor],
    reporter: &dyn Reporter,
) -> Result<Layout, Error> {
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    let work = Work::Unpack {
        archive: name.into_owned(),
    };
    let (record, _) = Reader::open(archive, None)?.record()?;
    let task = Task::start(reporter, work, None);
    let layout = Layout::create(folder)?;
    let blobs = Box::new(Chosen::new(&layout, artifacts));
    let mut state = State::new(archive, blobs, &record);
    Reader::open(archive, Some(&task))?.each(&mut |name, size, entry| {
        state.take(name, size, entry)?;
        Ok(!state.blobs.has_all())
    })?;
    if !state.blobs.has_all() {
        return Err(Error::Truncated {
            path: archive.to_owned(),
            at: None,
        });
    }
    drop(state);
    Ok(layout)
}

fn unpack_into(
    archive: &Path,
    folder: &Path,
    record: &Record,
    task: &Task<'_>,
) -> Result<Unpacked, Error> {
    let trusted = !folder.join("blobs").exists() || verified::is_marked(folder);
    let layout = Layout::create(folder)?;
    let unpacked = unpack_blobs(archive, &layout, record, task)?;
    let unpacked = unpacked.finish(&layout)?;
    layout.collect_garbage(record.extra_roots())?;
    if trusted {
        verified::mark(&layout)?;
    }
    Ok(unpacked)
}

/// Puts every blob of an archive that is not there yet into a layout; its documents
/// are read, and not written.
pub(super) fn unpack_blobs<'a>(
    archive: &'a Path,
    layout: &'a Layout,
    record: &'a Record,
    task: &Task<'_>,
) -> Result<State<'a>, Error> {
    let state = read_all(archive, Box::new(layout), record, Some(task))?;
    layout.sync()?;
    Ok(state)
}

/// Reads an archive as [`unpack`] does, and refuses what that would refuse; nothing is
/// kept.
pub(super) fn look_through(archive: &Path, task: &Task<'_>) -> Result<(), Error> {
    let (record, _) = Reader::open(archive, None)?.record()?;
    read_all(archive, Box::new(Looking::default()), &record, Some(task)).map(|_| ())
}

fn read_all<'a>(
    archive: &'a Path,
    blobs: Box<dyn Blobs + 'a>,
    record: &'a Record,
    task: Option<&Task<'_>>,
) -> Result<State<'a>, Error> {
    let mut state = State::new(archive, blobs, record);
    let mut reader = Reader::open(archive, task)?;
    reader.each(&mut |name, size, entry| {
        state.take(name, size, entry)?;
        Ok(true)
    })?;
    reader.finish()?;
    state.complete()?;
    Ok(state)
}

/// Whether a folder holds the bundle with this record, as far as sizes tell.
fn holds(folder: &Path, record: &[u8]) -> bool {
    let held = layout::read_bounded(&folder.join(RECORD_FILE), RECORD_FILE);
    held.is_ok_and(|held| held == record || is_before_additions(record, &held))
        && Layout::open(folder).is_ok_and(|layout| verified::sizes_fit(&layout))
}

/// Whether a folder's record is this one with something added to it since.
fn is_before_additions(record: &[u8], held: &[u8]) -> bool {
    let (Ok(record), Ok(held)) = (Record::parse(record), Record::parse(held)) else {
        return false;
    };
    held.without_additions() == record
}

#[derive(Clone)]
struct Expected {
    size: u64,
    media_type: String,
    needed: bool,
}

impl Expected {
    /// A root that the record names: a plain blob, or an artifact's manifest, which
    /// names others.
    fn root(descriptor: &layout::Descriptor) -> Self {
        Self {
            size: descriptor.size,
            media_type: descriptor.media_type.clone(),
            needed: true,
        }
    }
}

/// What was read of an archive whose blobs are there.
pub(super) struct State<'a> {
    archive: &'a Path,
    blobs: Box<dyn Blobs + 'a>,
    record: &'a Record,
    documents: BTreeMap<String, Vec<u8>>,
    /// Every blob that something read so far names.
    expected: HashMap<Digest, Expected>,
    unpacked: Unpacked,
}

impl<'a> State<'a> {
    fn new(archive: &'a Path, blobs: Box<dyn Blobs + 'a>, record: &'a Record) -> Self {
        let roots = record.extra_roots().iter();
        Self {
            archive,
            blobs,
            record,
            documents: BTreeMap::new(),
            expected: roots.map(|d| (d.digest, Expected::root(d))).collect(),
            unpacked: Unpacked::default(),
        }
    }
}

impl State<'_> {
    fn take(&mut self, name: &str, size: u64, entry: &mut dyn Read) -> Result<(), Error> {
        if DOCUMENTS.contains(&name) {
            let bytes = whole_document(self.archive, name, size, entry)?;
            self.document(name, &bytes)?;
            self.documents.insert(name.to_owned(), bytes);
            return Ok(());
        }
        let Some(digest) = name.strip_prefix("blobs/sha256/") else {
            return Ok(());
        };
        let refused = |why| Error::Refused {
            path: self.archive.to_owned(),
            entry: name.to_owned(),
            why,
        };
        let digest = Digest::from_hex(digest).map_err(|_| refused("its name is no digest"))?;
        // Every blob is bounded by the descriptor that names it, which comes
        // before it: what nothing names may be of any size.
        let Some(expected) = self.expected.get(&digest).cloned() else {
            return Err(refused("nothing in the bundle needs it"));
        };
        if size != expected.size {
            return Err(Error::Altered {
                path: self.archive.to_owned(),
                what: name.to_owned(),
                why: format!("it should have {} bytes, not {size}", expected.size),
            });
        }
        if !self.blobs.has(&digest, expected.size) {
            let coming = Coming {
                archive: self.archive,
                name,
                digest,
                size,
                is_document: media_type::is_index(&expected.media_type)
                    || media_type::is_manifest(&expected.media_type),
            };
            self.blobs.take(&coming, entry)?;
            self.unpacked.new_blobs += 1;
            self.unpacked.new_bytes += size;
        }
        self.learn(&digest, &expected.media_type)
    }

    fn document(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let bound = match name {
            "index.json" => self.record.index,
            "manifest.json" => self.record.manifest,
            _ => None,
        };
        let altered = |why: String| Error::Altered {
            path: self.archive.to_owned(),
            what: name.to_owned(),
            why,
        };
        if let Some(bound) = bound.filter(|bound| *bound != Digest::of(bytes)) {
            return Err(altered(format!("the record names {bound}")));
        }
        if name == "index.json" {
            let index: Index = serde_json::from_slice(bytes).map_err(|e| altered(e.to_string()))?;
            for root in index.manifests {
                self.expect(root, true);
            }
        }
        Ok(())
    }

    fn expect(&mut self, descriptor: layout::Descriptor, needed: bool) {
        let expected = self
            .expected
            .entry(descriptor.digest)
            .or_insert_with(|| Expected {
                size: descriptor.size,
                media_type: String::new(),
                needed,
            });
        expected.needed |= needed;
        if expected.media_type.is_empty() {
            expected.media_type = descriptor.media_type;
        }
    }

    /// Reads what a document blob names.
    fn learn(&mut self, digest: &Digest, media_type: &str) -> Result<(), Error> {
        if media_type::is_index(media_type) {
            let index: Index = self.named_document(digest)?;
            for manifest in index.manifests {
                // Other platforms than the one carried are named too.
                self.expect(manifest, false);
            }
        } else if media_type::is_manifest(media_type) {
            let manifest: Manifest = self.named_document(digest)?;
            for blob in manifest.layers.into_iter().chain([manifest.config]) {
                self.expect(layout::Descriptor::new("", blob.digest, blob.size), true);
            }
        }
        Ok(())
    }

    fn named_document<T: DeserializeOwned>(&mut self, digest: &Digest) -> Result<T, Error> {
        let bytes = self.blobs.document(digest)?;
        serde_json::from_slice(&bytes).map_err(|source| {
            let what = digest.to_string();
            layout::Error::Malformed { what, source }.into()
        })
    }

    /// Fails where something that the bundle needs is not there.
    fn complete(&self) -> Result<(), Error> {
        let mut needed: Vec<_> = self.expected.iter().filter(|(_, e)| e.needed).collect();
        needed.sort_unstable_by_key(|(digest, _)| **digest);
        for (digest, expected) in needed {
            if !self.blobs.has(digest, expected.size) {
                return Err(Error::BlobMissing {
                    digest: *digest,
                    path: self.archive.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// How much was new.
    pub(super) fn unpacked(self) -> Unpacked {
        self.unpacked
    }

    /// Writes the documents, which makes the folder this bundle.
    fn finish(self, layout: &Layout) -> Result<Unpacked, Error> {
        // The record comes last: it is what makes the folder this bundle.
        for name in ["manifest.json", "index.json", RECORD_FILE] {
            let bytes = self.documents.get(name).ok_or_else(|| Error::Truncated {
                path: self.archive.to_owned(),
                at: Some(name.to_owned()),
            })?;
            replace_file(&layout.path().join(name), bytes)?;
        }
        Ok(self.unpacked)
    }
}
