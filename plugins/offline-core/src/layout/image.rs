use super::{Digest, Error, Layout, Platform};

impl Layout {
    /// The diff ids in an image's config, lowest first.
    pub(crate) fn diff_ids(&self, config: &Digest) -> Result<Vec<Digest>, Error> {
        #[derive(serde::Deserialize)]
        struct Config {
            rootfs: RootFs,
        }
        #[derive(serde::Deserialize)]
        struct RootFs {
            #[serde(default)]
            diff_ids: Vec<Digest>,
        }
        let config: Config = self.read_json_blob(config)?;
        Ok(config.rootfs.diff_ids)
    }
}

impl Platform {
    /// Of the form `linux/arm64/v8`.
    pub(crate) fn of(text: &str) -> Self {
        let mut parts = text.split('/').map(str::to_owned);
        Self {
            os: parts.next().unwrap_or_default(),
            architecture: parts.next().unwrap_or_default(),
            variant: parts.next(),
        }
    }
}
