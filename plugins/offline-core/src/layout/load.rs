use std::collections::HashSet;
use std::io::{Read, Write};

use super::{Digest, Error, IndexEntry, Layout, Progress};

impl Layout {
    /// Writes a tar for `docker load` that holds only these images.
    ///
    /// Layers in `skip_layers` are left out; an engine that already holds them
    /// does not miss them (measured on 26.1 and 28.5, both image stores).
    pub fn load_tar(
        &self,
        images: &[IndexEntry],
        skip_layers: &HashSet<Digest>,
        out: &mut dyn Write,
        progress: Progress<'_>,
    ) -> Result<(), Error> {
        let documents = self.documents(images)?;
        let mut tar = tar::Builder::new(out);
        for (name, bytes) in [
            (
                "oci-layout",
                br#"{"imageLayoutVersion":"1.0.0"}"#.as_slice(),
            ),
            ("index.json", documents.index.as_slice()),
            ("manifest.json", documents.manifest.as_slice()),
        ] {
            append_entry(&mut tar, name, bytes.len() as u64, bytes)?;
        }
        let layers = documents
            .layers
            .iter()
            .filter(|(digest, _)| !skip_layers.contains(digest));
        for (digest, size) in documents.needed.iter().chain(layers) {
            let file = self.open_blob(digest)?;
            if !self.has_blob(digest, Some(*size)) {
                return Err(Error::SizeMismatch {
                    digest: *digest,
                    expected: *size,
                });
            }
            let name = format!("blobs/sha256/{}", digest.hex());
            append_entry(&mut tar, &name, *size, file)?;
            progress(*size);
        }
        tar.finish().map_err(write_failed)
    }

    /// How many bytes [`Layout::load_tar`] will write, documents of the layout
    /// itself aside.
    pub fn load_size(
        &self,
        images: &[IndexEntry],
        skip_layers: &HashSet<Digest>,
    ) -> Result<u64, Error> {
        let documents = self.documents(images)?;
        let layers = documents
            .layers
            .iter()
            .filter(|(digest, _)| !skip_layers.contains(digest));
        Ok(documents
            .needed
            .iter()
            .chain(layers)
            .map(|(_, size)| size)
            .sum())
    }
}

/// Appends one entry of a tar for `docker load`.
pub(crate) fn append_entry(
    tar: &mut tar::Builder<&mut dyn Write>,
    name: &str,
    size: u64,
    reader: impl Read,
) -> Result<(), Error> {
    let mut header = tar::Header::new_ustar();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    tar.append_data(&mut header, name, reader.take(size))
        .map_err(write_failed)
}

pub(crate) fn write_failed(source: std::io::Error) -> Error {
    Error::Stream {
        action: "write the tar for docker load",
        source,
    }
}
