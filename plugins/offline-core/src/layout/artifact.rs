//! Blobs that belong together without being an image: OCI artifacts (image-spec
//! 1.1, `manifest.md`, "Guidelines for Artifact Usage").
//!
//! `index.json` does not name them: an engine with a containerd store would keep
//! each as an image without a name (`docker load`, seen on 26.1 and 28.5). The
//! record does, as one of its extra roots.

use std::io::Read as _;

use serde::{Deserialize, Serialize};

use super::store::DOCUMENT_LIMIT;
use super::{Descriptor, Digest, Error, Layout, media_type};

/// The config of an artifact that needs none, and its only content.
const EMPTY: (&str, &[u8]) = ("application/vnd.oci.empty.v1+json", b"{}");

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactManifest {
    schema_version: u32,
    media_type: String,
    #[serde(default)]
    artifact_type: String,
    config: Descriptor,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

impl Layout {
    /// Writes the manifest of an artifact and gives its descriptor; the blobs that
    /// `layers` name must be there. More than some 40,000 do not fit into one.
    pub fn write_artifact(
        &self,
        artifact_type: &str,
        layers: Vec<Descriptor>,
    ) -> Result<Descriptor, Error> {
        let config = self.write_blob(EMPTY.1)?;
        let manifest = ArtifactManifest {
            schema_version: 2,
            media_type: media_type::OCI_MANIFEST.into(),
            artifact_type: artifact_type.into(),
            config: Descriptor::new(EMPTY.0, config.digest, config.size),
            layers,
        };
        let bytes = super::index::to_json(artifact_type, &manifest)?;
        if bytes.len() as u64 > DOCUMENT_LIMIT {
            return Err(Error::TooLarge {
                what: format!("the manifest of {artifact_type}"),
                size: bytes.len() as u64,
                limit: DOCUMENT_LIMIT,
            });
        }
        let written = self.write_blob(&bytes)?;
        Ok(Descriptor::new(
            media_type::OCI_MANIFEST,
            written.digest,
            written.size,
        ))
    }

    /// What an artifact consists of; one of another type is refused.
    pub fn read_artifact(
        &self,
        manifest: &Digest,
        artifact_type: &str,
    ) -> Result<Vec<Descriptor>, Error> {
        artifact_layers(manifest, artifact_type, &self.read_blob(manifest)?)
    }

    /// Reads a blob that may be larger than a document, up to `limit` bytes, and
    /// verifies its digest.
    pub fn read_large_blob(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.open_blob(digest)?
            .take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(Error::io("read", self.blob_path(digest)))?;
        if bytes.len() as u64 > limit {
            return Err(Error::TooLarge {
                what: digest.to_string(),
                size: bytes.len() as u64,
                limit,
            });
        }
        let actual = Digest::of(&bytes);
        if actual != *digest {
            return Err(Error::DigestMismatch {
                expected: *digest,
                actual,
            });
        }
        Ok(bytes)
    }
}

/// The same from the bytes of the manifest.
pub(crate) fn artifact_layers(
    manifest: &Digest,
    artifact_type: &str,
    bytes: &[u8],
) -> Result<Vec<Descriptor>, Error> {
    let read: ArtifactManifest =
        serde_json::from_slice(bytes).map_err(|source| Error::Malformed {
            what: manifest.to_string(),
            source,
        })?;
    if read.artifact_type != artifact_type {
        return Err(Error::WrongArtifact {
            digest: *manifest,
            expected: artifact_type.to_owned(),
            actual: read.artifact_type.chars().take(64).collect(),
        });
    }
    Ok(read.layers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "application/vnd.example.v1+json";

    #[test]
    fn an_artifact_is_reached_verified_and_kept_by_its_manifest() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::create(dir.path()).unwrap();
        layout.write_index(&[]).unwrap();
        let body = layout.write_blob(b"body").unwrap();
        let loose = layout.write_blob(b"loose").unwrap();
        let layer = Descriptor::new("application/octet-stream", body.digest, body.size);
        let root = layout.write_artifact(KIND, vec![layer.clone()]).unwrap();
        let roots = std::slice::from_ref(&root);
        assert_eq!(layout.reachable(roots).unwrap().len(), 3);
        assert_eq!(layout.collect_garbage(roots).unwrap(), 5);
        assert!(!layout.has_blob(&loose.digest, None));
        assert_eq!(layout.read_artifact(&root.digest, KIND).unwrap(), [layer]);
        let other = layout.read_artifact(&root.digest, "other");
        assert!(matches!(other, Err(Error::WrongArtifact { .. })));
        std::fs::write(layout.blob_path(&body.digest), b"bodY").unwrap();
        assert_eq!(layout.verify(roots, 1, &|_| ()).unwrap().len(), 1);
    }
}
