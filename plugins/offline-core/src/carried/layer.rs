//! The one layer of what is carried: a tar, compressed.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};

use super::tree::{Item, Made};
use super::{Error, Site};
use crate::bundle::{Carried, Compression, Encoder};
use crate::engine::Docker;
use crate::error::Failure;
use crate::layout::{BlobWriter, Descriptor, Digest, Layout};

const MEDIA_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// What a tar is written to.
pub(super) type Sink = Encoder<BufWriter<Watched<BlobWriter>>>;

/// What is read or written until the user interrupts.
pub(super) struct Watched<T> {
    inner: T,
    docker: Docker,
}

impl<T> Watched<T> {
    pub(super) fn new(docker: &Docker, inner: T) -> Self {
        let docker = docker.clone();
        Self { inner, docker }
    }

    /// Not of the kind `Interrupted`, after which everybody tries again.
    fn check(&self) -> io::Result<()> {
        self.docker.check_interrupt().map_err(io::Error::other)
    }
}

impl<T: Read> Read for Watched<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        self.inner.read(buffer)
    }
}

impl<T: Write> Write for Watched<T> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.check()?;
        self.inner.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A tar that was stored.
pub(super) struct Packed<T> {
    /// What writing it has given.
    pub(super) given: T,
    /// Its blob.
    pub(super) layer: Descriptor,
    /// Bytes that the layout did not have before.
    pub(super) new_bytes: u64,
}

/// What was stored.
pub(super) struct Stored<T> {
    /// What writing it has given.
    pub(super) given: T,
    /// The artifact.
    pub(super) root: Descriptor,
    /// Bytes of its blobs.
    pub(super) size: u64,
    /// Those that the layout did not have before.
    pub(super) new_bytes: u64,
}

/// Stores a tar, and an artifact of nothing else.
pub(super) fn store<T>(
    docker: &Docker,
    layout: &Layout,
    artifact_type: &str,
    write: impl FnOnce(Sink) -> Result<(T, Sink), Failure>,
) -> Result<Stored<T>, Failure> {
    let packed = pack(docker, layout, write)?;
    let size = packed.layer.size;
    let root = layout.write_artifact(artifact_type, vec![packed.layer])?;
    Ok(Stored {
        given: packed.given,
        size: size + root.size,
        root,
        new_bytes: packed.new_bytes,
    })
}

/// Stores a tar.
pub(super) fn pack<T>(
    docker: &Docker,
    layout: &Layout,
    write: impl FnOnce(Sink) -> Result<(T, Sink), Failure>,
) -> Result<Packed<T>, Failure> {
    let failed = |source| Error::io("write", layout.path())(source);
    let watched = Watched::new(docker, layout.blob_writer()?);
    let writer = BufWriter::with_capacity(1 << 18, watched);
    let encoder = Encoder::new(Compression::Zstd, writer).map_err(failed)?;
    let (given, encoder) = write(encoder)?;
    let mut writer = encoder.finish().map_err(failed)?;
    writer.flush().map_err(failed)?;
    let writer = writer.into_inner().map_err(|e| failed(e.into_error()))?;
    let blob = writer.inner.commit(None)?;
    Ok(Packed {
        given,
        layer: Descriptor::new(MEDIA_TYPE, blob.digest, blob.size),
        new_bytes: if blob.new { blob.size } else { 0 },
    })
}

/// The layers of an artifact that has so many.
pub(super) fn all(
    layout: &Layout,
    carried: &Carried,
    artifact_type: &str,
    number: usize,
) -> Result<Vec<Descriptor>, Failure> {
    let root = &carried.root.digest;
    let layers = layout.read_artifact(root, artifact_type)?;
    if layers.len() == number {
        return Ok(layers);
    }
    Err(Error::Hostile {
        what: what(carried),
        entry: root.to_string(),
        why: "it has other layers than such a thing has",
    }
    .into())
}

/// The first layer of an artifact, whatever follows.
pub(super) fn first(
    layout: &Layout,
    carried: &Carried,
    artifact_type: &str,
) -> Result<Descriptor, Failure> {
    let root = &carried.root.digest;
    let layers = layout.read_artifact(root, artifact_type)?;
    let first = layers.into_iter().next();
    Ok(first.ok_or_else(|| Error::Hostile {
        what: what(carried),
        entry: root.to_string(),
        why: "it has no layer",
    })?)
}

/// Opens the tar as it is stored.
pub(super) fn open(
    docker: &Docker,
    layout: &Layout,
    carried: &Carried,
    artifact_type: &str,
) -> Result<BufReader<Watched<File>>, Failure> {
    let layers = all(layout, carried, artifact_type, 1)?;
    open_blob(docker, layout, &layers[0].digest)
}

/// The tar of a blob, decompressed, from its beginning.
pub(super) fn tar(site: &Site<'_>, digest: &Digest, what: &str) -> Result<Box<dyn Read>, Failure> {
    let stored = open_blob(site.docker, site.layout, digest)?;
    let decoded = decoded(stored).map_err(Error::unreadable(what))?;
    Ok(Box::new(decoded))
}

/// A blob as a file of a tar; it is opened when its turn comes.
pub(super) fn item(docker: &Docker, layout: &Layout, digest: &Digest, size: u64) -> Item {
    let (path, docker) = (layout.blob_path(digest), docker.clone());
    let open = move || {
        let file = File::open(path)?;
        Ok(Box::new(Watched::new(&docker, file)) as Box<dyn Read>)
    };
    Item::File(size, Box::new(open))
}

/// A tar in which a blob is the only file.
pub(super) fn as_file(site: &Site<'_>, blob: &Descriptor, name: &str, mode: u32) -> Box<dyn Read> {
    let mut tar = Made::default();
    let item = item(site.docker, site.layout, &blob.digest, blob.size);
    tar.push(name, mode, item);
    Box::new(tar.end())
}

/// Opens a blob as it is stored.
pub(super) fn open_blob(
    docker: &Docker,
    layout: &Layout,
    digest: &Digest,
) -> Result<BufReader<Watched<File>>, Failure> {
    let watched = Watched::new(docker, layout.open_blob(digest)?);
    Ok(BufReader::with_capacity(1 << 17, watched))
}

/// Decompresses a tar.
pub(super) fn decoded<'a>(from: BufReader<impl Read + 'a>) -> std::io::Result<impl Read + 'a> {
    let mut decoder = zstd::Decoder::with_buffer(from)?;
    // As for archives: a hostile frame may ask for gigabytes.
    decoder.window_log_max(23)?;
    Ok(decoder)
}

/// What is carried, in errors.
pub(super) fn what(carried: &Carried) -> String {
    format!("{} {}", carried.kind, carried.name)
}
