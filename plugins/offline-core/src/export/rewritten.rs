//! An image of the layout with another configuration, of the same layers.

use serde_json::Value;

use crate::layout::{Digest, Error, Layout, Manifest, Rewritten, media_type};

/// Writes an image whose configuration is changed.
pub(super) fn rewritten(
    layout: &Layout,
    manifest: &Digest,
    change: impl FnOnce(&mut Value),
) -> Result<Rewritten, Error> {
    let mut manifest: Manifest = layout.read_json_blob(manifest)?;
    let mut config: Value = layout.read_json_blob(&manifest.config.digest)?;
    change(&mut config);
    if manifest.media_type.is_empty() {
        manifest.media_type = media_type::OCI_MANIFEST.into();
    }
    layout.rewrite(manifest, &config)
}
