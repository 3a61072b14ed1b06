//! The one layer of what is carried: a tar, compressed.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};

use super::Error;
use crate::bundle::{Carried, Compression, Encoder};
use crate::engine::Docker;
use crate::error::Failure;
use crate::layout::{BlobWriter, Descriptor, Layout};

const MEDIA_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// What a tar is written to.
pub(super) type Sink = Encoder<BufWriter<Watched<BlobWriter>>>;

/// What is read or written until the user interrupts.
pub(super) struct Watched<T> {
    inner: T,
    docker: Docker,
}

impl<T> Watched<T> {
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
    let failed = |source| Error::io("write", layout.path())(source);
    let watched = Watched {
        inner: layout.blob_writer()?,
        docker: docker.clone(),
    };
    let writer = BufWriter::with_capacity(1 << 18, watched);
    let encoder = Encoder::new(Compression::Zstd, writer).map_err(failed)?;
    let (given, encoder) = write(encoder)?;
    let mut writer = encoder.finish().map_err(failed)?;
    writer.flush().map_err(failed)?;
    let writer = writer.into_inner().map_err(|e| failed(e.into_error()))?;
    let blob = writer.inner.commit(None)?;
    let layer = Descriptor::new(MEDIA_TYPE, blob.digest, blob.size);
    let root = layout.write_artifact(artifact_type, vec![layer])?;
    Ok(Stored {
        given,
        size: blob.size + root.size,
        root,
        new_bytes: if blob.new { blob.size } else { 0 },
    })
}

/// Opens the tar as it is stored.
pub(super) fn open(
    docker: &Docker,
    layout: &Layout,
    carried: &Carried,
    artifact_type: &str,
) -> Result<BufReader<Watched<File>>, Failure> {
    let root = &carried.root.digest;
    let layers = layout.read_artifact(root, artifact_type)?;
    let [layer] = layers.as_slice() else {
        return Err(Error::Hostile {
            what: what(carried),
            entry: root.to_string(),
            why: "it has not one layer",
        }
        .into());
    };
    let watched = Watched {
        inner: layout.open_blob(&layer.digest)?,
        docker: docker.clone(),
    };
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
