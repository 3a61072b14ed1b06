use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use super::compression::{Compression, Encoder};
use super::parts::{Output, Parts, Written};
use super::{Error, NETWORK_ARTIFACT, NETWORK_BODY, RECORD_FILE, Record, archive_reader, sums};
use crate::event::{Reporter, Task, Work};
use crate::layout::{Digest, Layout, Manifest, media_type, read_bounded};

/// The documents at the root of a bundle, in the order of the archive.
pub(super) const DOCUMENTS: [&str; 4] = [RECORD_FILE, "index.json", "manifest.json", "oci-layout"];

/// Where an archive goes, and in what.
#[derive(Debug, Clone, Copy)]
pub struct Packing<'a> {
    /// Its name, which says how it is compressed.
    pub archive: &'a Path,
    /// The most bytes that a file of it may have: then it is written in parts.
    pub split: Option<u64>,
}

impl<'a, P: AsRef<Path> + ?Sized> From<&'a P> for Packing<'a> {
    fn from(archive: &'a P) -> Self {
        Self {
            archive: archive.as_ref(),
            split: None,
        }
    }
}

/// An archive that has been written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveSummary {
    /// Its size in bytes.
    pub bytes: u64,
    /// Its file, or its parts in their order.
    pub files: Vec<Written>,
    /// Whether the archive of an earlier export served as it was.
    pub reused: bool,
}

/// Packs a bundle folder into an archive, compressed as its name asks for.
///
/// The same bundle gives the same bytes. An archive that is already there stays
/// until the new one is whole; one that holds this very bundle, by its first
/// files and by `SHA256SUMS` beside it, is not written again.
pub fn pack<'a>(
    folder: &Path,
    to: impl Into<Packing<'a>>,
    reporter: &dyn Reporter,
) -> Result<ArchiveSummary, Error> {
    pack_without(folder, to, &BTreeSet::new(), reporter)
}

/// The same without these blobs: the bundle that it adds to has them.
pub fn pack_without<'a>(
    folder: &Path,
    to: impl Into<Packing<'a>>,
    held: &BTreeSet<Digest>,
    reporter: &dyn Reporter,
) -> Result<ArchiveSummary, Error> {
    let Packing { archive, split } = to.into();
    let compression = Compression::of_name(archive)?;
    let layout = Layout::open(folder)?;
    let record = Record::read(folder)?;
    let mut blobs = archive_order(&layout, &record)?;
    blobs.retain(|(digest, _)| !held.contains(digest));
    let total = blobs.iter().map(|(_, size)| size).sum();
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    let task = Task::start(
        reporter,
        Work::Pack {
            archive: name.into_owned(),
        },
        Some(total),
    );
    if let Some(summary) = reusable(folder, archive, split)? {
        task.advance(total);
        return Ok(summary);
    }
    let write = |e: io::Error| failed(archive, e);
    let output = Output::of(archive, split)?;
    let encoder = Encoder::new(compression, output).map_err(write)?;
    let mut tar = tar::Builder::new(encoder);
    for name in DOCUMENTS {
        let bytes = read_bounded(&folder.join(name), name)?;
        append(&mut tar, name, bytes.len() as u64, bytes.as_slice()).map_err(write)?;
    }
    for (digest, size) in &blobs {
        let file = Counting {
            inner: layout.open_blob(digest)?,
            task: &task,
        };
        let name = format!("blobs/sha256/{}", digest.hex());
        append(&mut tar, &name, *size, file).map_err(write)?;
    }
    let output = tar.into_inner().and_then(Encoder::finish).map_err(write)?;
    let (files, bytes) = output.commit()?;
    Ok(ArchiveSummary {
        bytes,
        files,
        reused: false,
    })
}

/// What an [`Output`] refused by itself is said in its own words.
fn failed(archive: &Path, error: io::Error) -> Error {
    error
        .downcast::<Error>()
        .unwrap_or_else(|error| Error::io("write", archive)(error))
}

/// Every blob with its size: what names other blobs comes first, so that a
/// reader knows the size of each blob before it comes.
fn archive_order(layout: &Layout, record: &Record) -> Result<Vec<(Digest, u64)>, Error> {
    let reached = layout.reachable(record.extra_roots())?;
    let mut first: Vec<Digest> = Vec::new();
    let roots = layout.read_index()?.manifests;
    let artifacts = record.extra_roots().iter();
    let artifacts = artifacts.filter(|root| media_type::is_manifest(&root.media_type));
    for root in roots.iter().chain(artifacts) {
        first.push(root.digest);
        if media_type::is_index(&root.media_type) {
            first.extend(layout.image_manifests(root)?.iter().map(|d| d.digest));
        }
    }
    // The lists of a recording can be read without the bodies behind them.
    for network in &record.network {
        let layers = layout.read_artifact(&network.manifest.digest, NETWORK_ARTIFACT)?;
        let lists = layers.iter().filter(|l| l.media_type != NETWORK_BODY);
        first.extend(lists.map(|l| l.digest));
    }
    // Whoever wants the sources alone need not read the images.
    for one in record.carried.iter().filter(|one| one.comes_ahead()) {
        let artifact: Manifest = layout.read_json_blob(&one.root.digest)?;
        first.extend(artifact.layers.iter().map(|layer| layer.digest));
    }
    let mut seen = BTreeSet::new();
    first
        .into_iter()
        .chain(reached.keys().copied())
        .filter(|digest| seen.insert(*digest))
        .map(
            |digest| match (layout.blob_size(&digest), reached.get(&digest)) {
                (Some(found), Some(Some(size))) if found != *size => {
                    Err(crate::layout::Error::SizeMismatch {
                        digest,
                        expected: *size,
                    }
                    .into())
                }
                (Some(found), _) => Ok((digest, found)),
                (None, _) => Err(Error::BlobMissing {
                    digest,
                    path: layout.path().to_owned(),
                }),
            },
        )
        .collect()
}

fn reusable(
    folder: &Path,
    archive: &Path,
    split: Option<u64>,
) -> Result<Option<ArchiveSummary>, Error> {
    let Some(files) = recorded(archive, split) else {
        return Ok(None);
    };
    let Ok(documents) = archive_reader::read_documents(archive) else {
        return Ok(None);
    };
    for name in DOCUMENTS {
        let bytes = read_bounded(&folder.join(name), name)?;
        if documents.get(name) != Some(&bytes) {
            return Ok(None);
        }
    }
    let mut bytes = 0;
    for file in &files {
        let (sha256, size) = sums::hash_file(&file.path, &|_| ())?;
        if sha256 != file.sha256 {
            return Ok(None);
        }
        bytes += size;
    }
    Ok(Some(ArchiveSummary {
        bytes,
        files,
        reused: true,
    }))
}

/// What is there in the form that is asked for, with what `SHA256SUMS` says of it.
fn recorded(archive: &Path, split: Option<u64>) -> Option<Vec<Written>> {
    match split {
        Some(most) => Parts::of(archive)?.as_split(most),
        None if archive.is_file() => Some(vec![Written {
            path: archive.to_owned(),
            sha256: sums::recorded(archive)?,
        }]),
        _ => None,
    }
}

fn append<W: Write>(
    tar: &mut tar::Builder<W>,
    name: &str,
    size: u64,
    reader: impl Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    let mut taken = reader.take(size);
    tar.append_data(&mut header, name, &mut taken)?;
    if taken.limit() > 0 {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("{name} became shorter while it was read"),
        ));
    }
    Ok(())
}

struct Counting<'a> {
    inner: File,
    task: &'a Task<'a>,
}

impl Read for Counting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.task.advance(n as u64);
        Ok(n)
    }
}
