use serde_json::Value;

use super::{Descriptor, Digest, Error, Layout, Manifest};

/// An image with another configuration, and the same layers.
pub(crate) struct Rewritten {
    pub(crate) manifest: Descriptor,
    pub(crate) config: Digest,
    /// Bytes that the layout did not hold before.
    pub(crate) new_bytes: u64,
}

impl Layout {
    /// Writes an image whose configuration was changed: that, and its manifest.
    pub(crate) fn rewrite(
        &self,
        mut manifest: Manifest,
        config: &Value,
    ) -> Result<Rewritten, Error> {
        let config = self.write_blob(config.to_string().as_bytes())?;
        manifest.config.digest = config.digest;
        manifest.config.size = config.size;
        let bytes = serde_json::to_vec(&manifest).map_err(|source| Error::Malformed {
            what: "a manifest".into(),
            source,
        })?;
        let written = self.write_blob(&bytes)?;
        let new = [&config, &written].into_iter().filter(|blob| blob.new);
        Ok(Rewritten {
            new_bytes: new.map(|blob| blob.size).sum(),
            manifest: Descriptor::new(manifest.media_type, written.digest, written.size),
            config: config.digest,
        })
    }
}
