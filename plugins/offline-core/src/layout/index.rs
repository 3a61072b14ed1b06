use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::replace::replace_file;
use super::{Descriptor, Digest, Error, Index, Layout, Manifest, Platform, media_type};
use crate::reference::ImageReference;

/// The name that containerd, and with it `docker load`, gives an image.
const IMAGE_NAME: &str = "io.containerd.image.name";
/// The name that skopeo and other OCI tools know an image by.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// One image of a layout's `index.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// The image's manifest, or the index that its registry serves.
    pub descriptor: Descriptor,
    /// The normalised reference, as in `docker.io/library/debian:12`.
    pub ref_name: String,
    /// The tags that `docker load` shall set, as people write them. Empty for a
    /// reference that is only a digest.
    pub repo_tags: Vec<String>,
    /// Further annotations.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// A record of `docker save`'s `manifest.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SaveRecord {
    pub(super) config: String,
    #[serde(default)]
    pub(super) repo_tags: Option<Vec<String>>,
    #[serde(default)]
    pub(super) layers: Vec<String>,
}

/// `index.json` and `manifest.json`, and the blobs that they need.
pub(super) struct Documents {
    pub(super) index: Vec<u8>,
    pub(super) manifest: Vec<u8>,
    /// Manifests and configs, which every load needs.
    pub(super) needed: BTreeMap<Digest, u64>,
    /// Layers, which an engine may already hold.
    pub(super) layers: BTreeMap<Digest, u64>,
}

impl Layout {
    /// Writes `index.json` and `manifest.json` for these images, in this order.
    ///
    /// An entry may point to an image index of which one platform is carried:
    /// `index.json` keeps the index' own descriptor, so that digest pins resolve
    /// on a containerd store; `manifest.json` names the platform's manifest,
    /// which is what a graphdriver store reads.
    pub fn write_index(&self, entries: &[IndexEntry]) -> Result<(), Error> {
        let documents = self.documents(entries)?;
        self.sync()?;
        replace_file(&self.path().join("manifest.json"), &documents.manifest)?;
        replace_file(&self.path().join("index.json"), &documents.index)
    }

    pub(super) fn documents(&self, entries: &[IndexEntry]) -> Result<Documents, Error> {
        let mut descriptors = Vec::new();
        let mut records = Vec::new();
        let mut needed = BTreeMap::new();
        let mut layers = BTreeMap::new();
        for entry in entries {
            descriptors.extend(named(entry));
            needed.insert(entry.descriptor.digest, entry.descriptor.size);
            for descriptor in self.image_manifests(&entry.descriptor)? {
                let manifest: Manifest = self.read_json_blob(&descriptor.digest)?;
                needed.insert(descriptor.digest, descriptor.size);
                needed.insert(manifest.config.digest, manifest.config.size);
                layers.extend(manifest.layers.iter().map(|l| (l.digest, l.size)));
                if media_type::is_config(&manifest.config.media_type) {
                    records.push(record(&manifest, &entry.repo_tags));
                }
            }
        }
        let index = Index {
            schema_version: 2,
            media_type: media_type::OCI_INDEX.into(),
            manifests: descriptors,
        };
        Ok(Documents {
            index: to_json("index.json", &index)?,
            manifest: to_json("manifest.json", &records)?,
            needed,
            layers,
        })
    }

    /// The image manifests behind a descriptor that the layout holds: itself, or
    /// those of an index, attestations left out.
    pub fn image_manifests(&self, descriptor: &Descriptor) -> Result<Vec<Descriptor>, Error> {
        if !media_type::is_index(&descriptor.media_type) {
            return Ok(vec![descriptor.clone()]);
        }
        let index: Index = self.read_json_blob(&descriptor.digest)?;
        Ok(index
            .manifests
            .into_iter()
            .filter(|d| !d.is_attestation() && media_type::is_manifest(&d.media_type))
            .filter(|d| self.has_blob(&d.digest, Some(d.size)))
            .collect())
    }

    /// The one image manifest behind a descriptor for a platform, held or not.
    pub fn manifest_for(
        &self,
        descriptor: &Descriptor,
        platform: &Platform,
    ) -> Result<Descriptor, Error> {
        if !media_type::is_index(&descriptor.media_type) {
            return Ok(descriptor.clone());
        }
        let index: Index = self.read_json_blob(&descriptor.digest)?;
        index
            .choose(platform)
            .cloned()
            .ok_or_else(|| Error::PlatformMissing {
                digest: descriptor.digest,
                platform: platform.to_string(),
            })
    }
}

impl Index {
    /// The image for a platform. An index with a single image that names no
    /// platform is taken at its word.
    pub fn choose(&self, platform: &Platform) -> Option<&Descriptor> {
        let images: Vec<&Descriptor> = self
            .manifests
            .iter()
            .filter(|d| !d.is_attestation())
            .collect();
        images
            .iter()
            .find(|d| d.platform.as_ref().is_some_and(|p| p.matches(platform)))
            .or_else(|| match images.as_slice() {
                [only] if only.platform.is_none() => Some(only),
                _ => None,
            })
            .copied()
    }
}

/// One descriptor for each name: containerd reads one name from each.
fn named(entry: &IndexEntry) -> Vec<Descriptor> {
    let normalised = |text: &String| {
        ImageReference::parse(text).map_or_else(|_| text.clone(), |r| r.to_string())
    };
    let mut names: BTreeSet<String> = entry.repo_tags.iter().map(normalised).collect();
    // A tag cannot be given to what is known by digest only; containerd takes
    // the digest reference itself as a name, as its own pull does.
    if names.is_empty() && entry.ref_name.contains('@') {
        names.insert(entry.ref_name.clone());
    }
    let with = |name: Option<&String>| {
        let mut descriptor = entry.descriptor.clone();
        descriptor.annotations.extend(entry.annotations.clone());
        let full = name.unwrap_or(&entry.ref_name);
        let familiar = ImageReference::parse(full).map_or_else(|_| full.clone(), |r| r.familiar());
        descriptor.annotations.insert(REF_NAME.into(), familiar);
        if let Some(name) = name {
            descriptor
                .annotations
                .insert(IMAGE_NAME.into(), name.clone());
        }
        descriptor
    };
    if names.is_empty() {
        return vec![with(None)];
    }
    names.iter().map(|name| with(Some(name))).collect()
}

fn record(manifest: &Manifest, repo_tags: &[String]) -> SaveRecord {
    let place = |digest: &Digest| format!("blobs/sha256/{}", digest.hex());
    SaveRecord {
        config: place(&manifest.config.digest),
        repo_tags: Some(repo_tags.to_vec()),
        layers: manifest.layers.iter().map(|l| place(&l.digest)).collect(),
    }
}

pub(super) fn to_json(what: &str, value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|source| Error::Malformed {
        what: what.to_owned(),
        source,
    })
}
