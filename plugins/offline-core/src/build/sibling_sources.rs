use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Error;
use crate::closure::{Closure, StageRef};
use crate::engine::{Docker, LocalImage};
use crate::error::Failure;
use crate::layout::{Digest, Layout};
use crate::stages::{KnownBase, known_by_manifest};

/// Cache sources of stages upon the images of other services, on a containerd store.
///
/// It asks for such an image by its manifest first, and once anything was built upon
/// that, never by its layers; no export can know the manifest that the site's own build
/// gives it (engine fact 28). So the records of the carried stage images are completed
/// here: wherever they come after the image's layers, they come after its manifest too.
#[derive(Debug, Default)]
pub(super) struct SiblingSources {
    sources: BTreeMap<StageRef, (PathBuf, Digest)>,
}

impl SiblingSources {
    /// Writes them into a folder: a layout of what has changed, and links to the rest.
    /// `carried` gives the manifest that the bundle holds for a stage.
    pub(super) fn write(
        docker: &Docker,
        closure: &Closure,
        layout: &Layout,
        folder: &Path,
        stages: &[&StageRef],
        carried: impl Fn(&StageRef) -> Option<Digest>,
    ) -> Result<Self, Failure> {
        let siblings = |service: &str| -> BTreeMap<String, String> {
            let build = closure.service(service).and_then(|s| s.build.as_ref());
            let stages = build.into_iter().flat_map(|b| &b.stages);
            let used = stages.flat_map(|stage| {
                let names = stage.sibling_services.iter();
                names.map(|name| (name, stage.platform.clone()))
            });
            used.filter_map(|(name, platform)| {
                Some((closure.service(name)?.image.clone(), platform))
            })
            .collect()
        };
        let wanted: BTreeMap<&str, BTreeMap<String, String>> = stages
            .iter()
            .map(|stage| (stage.service.as_str(), siblings(&stage.service)))
            .filter(|(_, images)| !images.is_empty())
            .collect();
        let names: BTreeSet<String> = wanted.values().flat_map(|i| i.keys().cloned()).collect();
        let images = docker.local_images(&Vec::from_iter(names))?;
        let mut found = Self::default();
        for stage in stages {
            let (Some(siblings), Some(manifest)) =
                (wanted.get(stage.service.as_str()), carried(stage))
            else {
                continue;
            };
            let bases: Vec<KnownBase> = siblings
                .iter()
                .filter_map(|(name, platform)| local_base(images.get(name)?, platform))
                .collect();
            let Some((config, mut manifest)) = known_by_manifest(layout, &manifest, &bases)? else {
                continue;
            };
            let source = folder.join(format!("cache-source-{}", found.sources.len()));
            let blobs = source.join("blobs").join("sha256");
            let failed = |path: &Path, source| Error::Write {
                path: path.to_owned(),
                source,
            };
            std::fs::create_dir_all(&blobs).map_err(|e| failed(&blobs, e))?;
            let write = |bytes: &[u8]| {
                let digest = Digest::of(bytes);
                let path = blobs.join(digest.hex());
                std::fs::write(&path, bytes).map_err(|e| failed(&path, e))?;
                Ok::<_, Error>(digest)
            };
            let config = config.to_string();
            manifest.config.digest = write(config.as_bytes())?;
            manifest.config.size = config.len() as u64;
            for layer in &manifest.layers {
                let path = blobs.join(layer.digest.hex());
                // Two layers may be the same.
                if !path.exists() {
                    let there = layout.blob_path(&layer.digest);
                    link(&there, &path).map_err(|e| failed(&path, e))?;
                }
            }
            let digest = write(&serde_json::to_vec(&manifest).unwrap_or_default())?;
            found.sources.insert((*stage).clone(), (source, digest));
        }
        Ok(found)
    }

    /// The layout and the manifest in it, for a stage that has one.
    pub(super) fn of(&self, stage: &StageRef) -> Option<(&Path, Digest)> {
        let (folder, digest) = self.sources.get(stage)?;
        Some((folder, *digest))
    }
}

fn local_base(image: &LocalImage, platform: &str) -> Option<KnownBase> {
    let diff_ids: Result<Vec<Digest>, _> = image.layers.iter().map(|l| l.parse()).collect();
    Some(KnownBase {
        root: image.id.parse().ok()?,
        diff_ids: diff_ids.ok()?,
        platform: platform.to_owned(),
    })
}

fn link(there: &Path, here: &Path) -> std::io::Result<()> {
    let there = std::fs::canonicalize(there)?;
    std::os::unix::fs::symlink(there, here)
}
