//! The one layer of what is carried: a tar, compressed.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write as _};

use super::Error;
use crate::bundle::{Carried, Compression, Encoder};
use crate::error::Failure;
use crate::layout::{BlobWriter, Descriptor, Layout};

const MEDIA_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// What a tar is written to.
pub(super) type Sink = Encoder<BufWriter<BlobWriter>>;

/// Stores a tar, and an artifact of nothing else. Gives what `write` gives, the artifact's
/// descriptor, and the bytes of both.
pub(super) fn store<T>(
    layout: &Layout,
    artifact_type: &str,
    write: impl FnOnce(Sink) -> Result<(T, Sink), Failure>,
) -> Result<(T, Descriptor, u64), Failure> {
    let failed = |source| Error::io("write", layout.path())(source);
    let writer = BufWriter::with_capacity(1 << 18, layout.blob_writer()?);
    let encoder = Encoder::new(Compression::Zstd, writer).map_err(failed)?;
    let (given, encoder) = write(encoder)?;
    let mut writer = encoder.finish().map_err(failed)?;
    writer.flush().map_err(failed)?;
    let writer = writer.into_inner().map_err(|e| failed(e.into_error()))?;
    let blob = writer.commit(None)?;
    let layer = Descriptor::new(MEDIA_TYPE, blob.digest, blob.size);
    let root = layout.write_artifact(artifact_type, vec![layer])?;
    let size = blob.size + root.size;
    Ok((given, root, size))
}

/// Opens the tar as it is stored.
pub(super) fn open(
    layout: &Layout,
    carried: &Carried,
    artifact_type: &str,
) -> Result<BufReader<File>, Failure> {
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
    Ok(BufReader::with_capacity(
        1 << 17,
        layout.open_blob(&layer.digest)?,
    ))
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
