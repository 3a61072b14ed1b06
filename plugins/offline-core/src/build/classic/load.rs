use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use serde_json::json;

use super::cut::LoadImage;
use crate::bundle::Record;
use crate::engine::{Docker, EngineInfo, LocalImage, Store};
use crate::error::Failure;
use crate::event::{Reporter, Task, Work};
use crate::layout::{Digest, Error, Layout, append_entry, write_failed};

/// Loads the images that the engine lacks, without the layers that it holds; gives
/// how many, and how many bytes were sent.
pub(super) fn load(
    docker: &Docker,
    engine: &EngineInfo,
    layout: &Layout,
    record: &Record,
    images: &[LoadImage],
    reporter: &dyn Reporter,
) -> Result<(usize, u64), Failure> {
    let mut names: Vec<String> = images.iter().map(|i| i.name.clone()).collect();
    names.extend(record.images.iter().filter_map(|i| {
        let reference = crate::reference::ImageReference::parse(&i.reference).ok()?;
        Some(reference.load_name())
    }));
    let local = docker.local_images(&names)?;
    let is_here = |image: &LoadImage| {
        let found = local.get(&image.name).and_then(|l| digest(&l.id));
        found.is_some_and(|id| id == image.config_digest() || id == image.manifest_digest())
    };
    let (here, wanted): (Vec<&LoadImage>, Vec<&LoadImage>) =
        images.iter().partition(|i| is_here(i));
    if wanted.is_empty() {
        return Ok((0, 0));
    }
    let held = match engine.store {
        Store::Graphdriver => held_chains(docker, &wanted)?,
        Store::Containerd => held_blobs(layout, record, &local, &here)?,
    };
    let tar = LoadTar::new(&wanted, &held);
    let work = Work::Load {
        images: wanted.len(),
    };
    let task = Task::start(reporter, work, Some(tar.size()));
    docker.load(|out| tar.write(layout, out, &|bytes| task.advance(bytes)))??;
    Ok((wanted.len(), tar.size()))
}

fn digest(id: &str) -> Option<Digest> {
    id.parse().ok()
}

/// A layer is held where every image that wants it has it on the same layers below.
fn held_chains(docker: &Docker, wanted: &[&LoadImage]) -> Result<BTreeSet<Digest>, Failure> {
    let chains = docker.local_chains()?;
    let (mut held, mut lacking) = (BTreeSet::new(), BTreeSet::new());
    for image in wanted {
        let mut chain: Vec<String> = Vec::new();
        for (diff_id, layer) in image.diff_ids.iter().zip(&image.layers) {
            chain.push(diff_id.to_string());
            if chains.contains(&chain) {
                held.insert(layer.digest);
            } else {
                lacking.insert(layer.digest);
            }
        }
    }
    Ok(&held - &lacking)
}

/// The blobs of those of the bundle's images that the engine has.
fn held_blobs(
    layout: &Layout,
    record: &Record,
    local: &BTreeMap<String, LocalImage>,
    here: &[&LoadImage],
) -> Result<BTreeSet<Digest>, Failure> {
    let ids: BTreeSet<Digest> = local.values().filter_map(|l| digest(&l.id)).collect();
    let mut held: BTreeSet<Digest> = BTreeSet::new();
    for image in here {
        held.extend(image.layers.iter().map(|l| l.digest));
    }
    for image in &record.images {
        if ids.contains(&image.manifest) || ids.contains(&image.root) {
            let manifest: crate::layout::Manifest = layout.read_json_blob(&image.manifest)?;
            held.extend(manifest.layers.iter().map(|l| l.digest));
        }
    }
    Ok(held)
}

/// A tar as `docker load` takes it on either store.
struct LoadTar {
    documents: Vec<(String, Vec<u8>)>,
    layers: BTreeMap<Digest, u64>,
}

impl LoadTar {
    fn new(images: &[&LoadImage], held: &BTreeSet<Digest>) -> Self {
        let blob = |digest: &Digest| format!("blobs/sha256/{}", digest.hex());
        let mut blobs: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut layers = BTreeMap::new();
        let (mut manifests, mut records) = (Vec::new(), Vec::new());
        for image in images {
            let (manifest, config) = (image.manifest_digest(), image.config_digest());
            blobs.insert(blob(&manifest), image.manifest.clone());
            blobs.insert(blob(&config), image.config.clone());
            for layer in &image.layers {
                if !held.contains(&layer.digest) {
                    layers.insert(layer.digest, layer.size);
                }
            }
            manifests.push(json!({
                "mediaType": image.media_type,
                "digest": manifest.to_string(),
                "size": image.manifest.len(),
                "annotations": {
                    "io.containerd.image.name": full_name(&image.name),
                    "org.opencontainers.image.ref.name": image.name,
                },
            }));
            let paths: Vec<String> = image.layers.iter().map(|l| blob(&l.digest)).collect();
            records
                .push(json!({"Config": blob(&config), "RepoTags": [image.name], "Layers": paths}));
        }
        let index = json!({"schemaVersion": 2, "manifests": manifests});
        let mut documents = vec![
            (
                "oci-layout".to_owned(),
                br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec(),
            ),
            ("index.json".to_owned(), index.to_string().into_bytes()),
            (
                "manifest.json".to_owned(),
                json!(records).to_string().into_bytes(),
            ),
        ];
        documents.extend(blobs);
        Self { documents, layers }
    }

    fn size(&self) -> u64 {
        let documents = self.documents.iter().map(|(_, bytes)| bytes.len() as u64);
        documents.chain(self.layers.values().copied()).sum()
    }

    fn write(
        &self,
        layout: &Layout,
        out: &mut dyn Write,
        progress: &dyn Fn(u64),
    ) -> Result<(), Error> {
        let mut tar = tar::Builder::new(out);
        for (name, bytes) in &self.documents {
            append_entry(&mut tar, name, bytes.len() as u64, bytes.as_slice())?;
            progress(bytes.len() as u64);
        }
        for (digest, size) in &self.layers {
            if !layout.has_blob(digest, Some(*size)) {
                return Err(Error::BlobMissing {
                    digest: *digest,
                    path: layout.path().to_owned(),
                });
            }
            let name = format!("blobs/sha256/{}", digest.hex());
            append_entry(&mut tar, &name, *size, layout.open_blob(digest)?)?;
            progress(*size);
        }
        tar.finish().map_err(write_failed)
    }
}

/// `docker load` names an image by its full name on a containerd store.
fn full_name(name: &str) -> String {
    crate::reference::ImageReference::parse(name)
        .map_or_else(|_| name.to_owned(), |reference| reference.to_string())
}
