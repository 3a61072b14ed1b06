//! An image of the layout with another configuration, of the same layers.

use serde_json::Value;

use crate::layout::{Descriptor, Digest, Error, Layout, Manifest, media_type};

/// What was written.
pub(super) struct Rewritten {
    pub(super) manifest: Descriptor,
    pub(super) config: Digest,
    /// Bytes that the layout did not hold before.
    pub(super) new_bytes: u64,
}

/// Writes an image whose configuration is changed.
pub(super) fn rewritten(
    layout: &Layout,
    manifest: &Digest,
    change: impl FnOnce(&mut Value),
) -> Result<Rewritten, Error> {
    let mut manifest: Manifest = layout.read_json_blob(manifest)?;
    let mut config: Value = layout.read_json_blob(&manifest.config.digest)?;
    change(&mut config);
    let config = layout.write_blob(config.to_string().as_bytes())?;
    manifest.config.digest = config.digest;
    manifest.config.size = config.size;
    if manifest.media_type.is_empty() {
        manifest.media_type = media_type::OCI_MANIFEST.into();
    }
    let bytes = serde_json::to_vec(&manifest).map_err(|source| Error::Malformed {
        what: "a manifest".into(),
        source,
    })?;
    let written = layout.write_blob(&bytes)?;
    let new = [&config, &written].into_iter().filter(|blob| blob.new);
    Ok(Rewritten {
        new_bytes: new.map(|blob| blob.size).sum(),
        manifest: Descriptor::new(manifest.media_type, written.digest, written.size),
        config: config.digest,
    })
}
