use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Error, Prepared};
use crate::closure::NeededImage;
use crate::engine::Docker;
use crate::error::{Failure, Kind};
use crate::event::{Event, Reporter};
use crate::layout::{Descriptor, Digest, KnownLayers, Layout, Manifest};
use crate::registry::Registry;

/// How many images are fetched at once; each fetches several layers at once.
const AT_ONCE: usize = 2;

/// An image as the layout holds it.
#[derive(Debug, Clone)]
pub(super) struct CarriedImage {
    pub(super) needed: NeededImage,
    pub(super) root: Descriptor,
    pub(super) manifest: Descriptor,
    pub(super) config: Digest,
    pub(super) layers: Vec<(Digest, Descriptor)>,
    pub(super) new_bytes: u64,
}

/// Fetches every image of the closure into the layout, with the manifest that
/// its registry serves (engine fact 11b).
pub(super) fn fetch_all(
    docker: &Docker,
    prepared: &Prepared,
    registry: &Registry,
    layout: &Layout,
    reporter: &dyn Reporter,
) -> Result<Vec<CarriedImage>, Failure> {
    let images = &prepared.closure.images;
    let next = AtomicUsize::new(0);
    let results: Mutex<BTreeMap<usize, Result<CarriedImage, Failure>>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(images.len()) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(needed) = images.get(number) else {
                        break;
                    };
                    let result = docker
                        .check_interrupt()
                        .map_err(Failure::from)
                        .and_then(|()| fetch(docker, prepared, needed, registry, layout, reporter));
                    let failed = result.is_err();
                    if let Ok(mut results) = results.lock() {
                        results.insert(number, result);
                    }
                    if failed {
                        // The others would only delay the message.
                        next.store(images.len(), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_default();
    results.into_values().collect()
}

fn fetch(
    docker: &Docker,
    prepared: &Prepared,
    needed: &NeededImage,
    registry: &Registry,
    layout: &Layout,
    reporter: &dyn Reporter,
) -> Result<CarriedImage, Failure> {
    let platform = platform(&needed.platform);
    let failure: Failure = match registry.fetch(&needed.reference, &platform, layout, reporter) {
        Ok(image) => {
            return Ok(CarriedImage {
                needed: needed.clone(),
                root: image.root,
                manifest: image.manifest,
                config: image.config,
                layers: image.layers,
                new_bytes: image.new_bytes,
            });
        }
        Err(error) => Error::Image {
            wanted_by: wanted_by(prepared, needed),
            source: Box::new(error),
        }
        .into(),
    };
    if !matches!(failure.kind(), Kind::ImageNotFound | Kind::RegistryDenied) {
        return Err(failure);
    }
    // An image that no registry has may still be the user's own on this engine.
    match from_engine(docker, needed, layout) {
        Ok(Some(image)) => {
            reporter.event(Event::Note(format!(
                "{} is in no registry; it was taken from this engine",
                needed.reference.familiar()
            )));
            Ok(image)
        }
        Ok(None) => Err(failure),
        Err(error) => Err(error),
    }
}

/// The services that want an image, with the line that names it where known.
fn wanted_by(prepared: &Prepared, needed: &NeededImage) -> Vec<String> {
    let mut wanted = Vec::new();
    for name in &needed.services {
        let build = prepared
            .closure
            .service(name)
            .and_then(|s| s.build.as_ref());
        let in_dockerfile = build.and_then(|build| {
            let stages = &build.stages;
            let stage = stages
                .iter()
                .find(|s| s.images.contains(&needed.reference))?;
            Some(build.location(stage.line).to_string())
        });
        let in_compose = || {
            let service = prepared.project.service(name)?;
            service.location.as_ref().map(ToString::to_string)
        };
        let place = in_dockerfile.or_else(in_compose);
        wanted.push(place.map_or_else(|| name.clone(), |place| format!("{name} at {place}")));
    }
    wanted
}

fn from_engine(
    docker: &Docker,
    needed: &NeededImage,
    layout: &Layout,
) -> Result<Option<CarriedImage>, Failure> {
    let name = needed.reference.familiar();
    if docker.local_images(std::slice::from_ref(&name))?.is_empty() {
        return Ok(None);
    }
    let wanted = platform(&needed.platform);
    let saved = docker.save(&[name], |reader| {
        layout.import_save(reader, &wanted, &KnownLayers::new(), &|_| {})
    })??;
    let Some(image) = saved.into_iter().next() else {
        return Ok(None);
    };
    let layers = diff_ids(layout, &image.config)?
        .into_iter()
        .zip(image.layers)
        .collect();
    Ok(Some(CarriedImage {
        needed: needed.clone(),
        root: image.manifest.clone(),
        manifest: image.manifest,
        config: image.config,
        layers,
        new_bytes: image.new_bytes,
    }))
}

/// The diff ids in an image's config, lowest first.
pub(crate) fn diff_ids(
    layout: &Layout,
    config: &Digest,
) -> Result<Vec<Digest>, crate::layout::Error> {
    #[derive(serde::Deserialize)]
    struct Config {
        rootfs: RootFs,
    }
    #[derive(serde::Deserialize)]
    struct RootFs {
        #[serde(default)]
        diff_ids: Vec<Digest>,
    }
    let config: Config = layout.read_json_blob(config)?;
    Ok(config.rootfs.diff_ids)
}

/// The compressed blobs that stand for uncompressed layers of the same content.
pub(super) fn known_layers(images: &[CarriedImage]) -> KnownLayers {
    images
        .iter()
        .flat_map(|image| image.layers.iter())
        .map(|(diff_id, blob)| (*diff_id, blob.clone()))
        .collect()
}

/// The bytes of an image's own blobs: manifest, config and layers.
pub(super) fn size(layout: &Layout, manifest: &Descriptor) -> u64 {
    let parsed: Result<Manifest, _> = layout.read_json_blob(&manifest.digest);
    let blobs = parsed.map_or(0, |m| {
        m.config.size + m.layers.iter().map(|l| l.size).sum::<u64>()
    });
    manifest.size + blobs
}

pub(crate) fn platform(text: &str) -> crate::layout::Platform {
    let mut parts = text.split('/').map(str::to_owned);
    crate::layout::Platform {
        os: parts.next().unwrap_or_default(),
        architecture: parts.next().unwrap_or_default(),
        variant: parts.next(),
    }
}
