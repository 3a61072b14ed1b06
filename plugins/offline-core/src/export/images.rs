use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{Error, ExportOptions, Prepared, containers};
use crate::closure::{BuildClosure, NeededImage, StageBase};
use crate::engine::Docker;
use crate::error::Failure;
use crate::event::{Event, Reporter};
use crate::layout::{Descriptor, Digest, KnownLayers, Layout, Manifest};
use crate::reference::ImageReference;
use crate::registry::{Registry, RegistryOptions};
use crate::stages::KnownBase;

/// How many images are fetched at once; each fetches several layers at once.
const AT_ONCE: usize = 2;

/// How many images are asked for by name at once.
const ASKED_AT_ONCE: usize = 8;

/// An image as the layout holds it.
#[derive(Debug, Clone)]
pub(super) struct CarriedImage {
    pub(super) needed: NeededImage,
    pub(super) root: Descriptor,
    pub(super) manifest: Descriptor,
    pub(super) config: Digest,
    pub(super) layers: Vec<(Digest, Descriptor)>,
    pub(super) new_bytes: u64,
    /// The container that it was made of.
    pub(super) container: Option<String>,
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
    let of = |needed: &&NeededImage| {
        let mut containers = prepared.containers.iter();
        containers.find(|one| one.image == needed.reference)
    };
    let images = prepared.closure.images.iter();
    let images: Vec<&NeededImage> = images.filter(|needed| of(needed).is_none()).collect();
    let next = AtomicUsize::new(0);
    let engine = Mutex::new(docker);
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
                        .and_then(|()| {
                            fetch(&engine, prepared, needed, registry, layout, reporter)
                        });
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
    let mut fetched: Vec<CarriedImage> = results.into_values().collect::<Result<_, _>>()?;
    // After the others, of which they may have layers.
    for needed in &prepared.closure.images {
        if let Some(container) = of(&needed) {
            let known = known_layers(&fetched);
            let image = containers::fetch(docker, container, needed, layout, &known, reporter)?;
            fetched.push(image);
        }
    }
    Ok(fetched)
}

/// The engine is asked for one image at a time: what one stream holds and its image does
/// not need is removed, and two may hold the same.
fn fetch(
    engine: &Mutex<&Docker>,
    prepared: &Prepared,
    needed: &NeededImage,
    registry: &Registry,
    layout: &Layout,
    reporter: &dyn Reporter,
) -> Result<CarriedImage, Failure> {
    if let Some(why) = prepared.only_here.get(&needed.reference) {
        let engine = engine.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(image) = from_engine(&engine, needed, layout)? {
            reporter.event(Event::Note(format!(
                "{}: {why}; it was taken from this engine",
                needed.reference.familiar()
            )));
            return Ok(image);
        }
    }
    let platform = crate::layout::Platform::of(&needed.platform);
    let fetched = registry.fetch(&needed.reference, &platform, layout, reporter);
    let image = fetched.map_err(|error| Error::Image {
        wanted_by: wanted_by(prepared, needed),
        source: Box::new(error),
    })?;
    Ok(CarriedImage {
        needed: needed.clone(),
        root: image.root,
        manifest: image.manifest,
        config: image.config,
        layers: image.layers,
        new_bytes: image.new_bytes,
        container: None,
    })
}

/// The client for the registries of a project's images.
pub(super) fn registry(prepared: &Prepared, options: &ExportOptions) -> Result<Registry, Failure> {
    let registry = Registry::new(RegistryOptions {
        mirrors: prepared.engine.mirrors.clone(),
        insecure: prepared.engine.insecure_registries.clone(),
        config_dir: options.docker_config.clone(),
        proxy: options.http_proxy.clone(),
        ca_file: options.ca_file.clone(),
        ..RegistryOptions::default()
    })?;
    Ok(registry)
}

/// The same, with the images that this engine has and no registry gives: they were built
/// by hand, or came as a file. Only what the engine has is asked for, so that an empty one
/// costs no request.
pub(super) fn with_only_here(
    docker: &Docker,
    prepared: &Prepared,
    registry: &Registry,
    layout: &Layout,
    reporter: &dyn Reporter,
) -> Result<Prepared, Failure> {
    let images = prepared
        .closure
        .images
        .iter()
        .map(|needed| &needed.reference);
    let images: BTreeSet<ImageReference> = images.cloned().collect();
    let names: Vec<String> = images.iter().map(ImageReference::familiar).collect();
    let held = docker.local_images(&names)?;
    let held: Vec<ImageReference> = images
        .into_iter()
        .filter(|image| held.contains_key(&image.familiar()))
        .collect();
    let ask = |image: &ImageReference| match registry.has(image, layout, reporter) {
        Ok(false) => Some("it is in no registry".to_owned()),
        Err(error) if error.is_out_of_reach() => {
            Some(format!("its registry does not give it ({error})"))
        }
        // Fetching it says why it fails, and what to do.
        Ok(true) | Err(_) => None,
    };
    let mut prepared = prepared.clone();
    for some in held.chunks(ASKED_AT_ONCE) {
        let answers = std::thread::scope(|scope| {
            let asked = some.iter().map(|image| scope.spawn(|| ask(image)));
            let asked: Vec<_> = asked.collect();
            asked.into_iter().map(joined).collect::<Vec<_>>()
        });
        let here = some.iter().zip(answers);
        let here = here.filter_map(|(image, why)| Some((image.clone(), why?)));
        prepared.only_here.extend(here);
    }
    Ok(prepared)
}

/// What a thread gives; its panic goes on here.
pub(super) fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
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
    let mut named = prepared.project.offline.images.iter();
    if let Some(one) = named.find(|one| one.reference == needed.reference) {
        let place = one
            .location
            .as_ref()
            .map_or_else(String::new, |l| format!(" at {l}"));
        wanted.push(format!("x-offline{place}"));
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
    let wanted = crate::layout::Platform::of(&needed.platform);
    let saved = docker.save(&[name], |reader| {
        layout.import_save(reader, &wanted, &KnownLayers::new(), &|_| {})
    })??;
    let Some(image) = saved.into_iter().next() else {
        return Ok(None);
    };
    let layers = layout
        .diff_ids(&image.config)?
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
        container: None,
    }))
}

/// The compressed blobs that stand for uncompressed layers of the same content.
pub(super) fn known_layers(images: &[CarriedImage]) -> KnownLayers {
    images
        .iter()
        .flat_map(|image| image.layers.iter())
        .map(|(diff_id, blob)| (*diff_id, blob.clone()))
        .collect()
}

/// What cache records name the images by.
pub(super) fn known_bases(images: &[CarriedImage]) -> Vec<KnownBase> {
    let known = images.iter().map(|image| KnownBase {
        root: image.root.digest,
        diff_ids: image.layers.iter().map(|(diff_id, _)| *diff_id).collect(),
        platform: image.needed.platform.clone(),
    });
    known.collect()
}

/// The bytes of an image's own blobs: manifest, config and layers.
pub(super) fn size(layout: &Layout, manifest: &Descriptor) -> u64 {
    let parsed: Result<Manifest, _> = layout.read_json_blob(&manifest.digest);
    let blobs = parsed.map_or(0, |m| {
        m.config.size + m.layers.iter().map(|l| l.size).sum::<u64>()
    });
    manifest.size + blobs
}

/// How many of each stage's layers come from its base, by number of stage;
/// `None` where the base is not known to the layout.
pub(super) fn base_layers(
    build: &BuildClosure,
    bases: &[CarriedImage],
) -> BTreeMap<usize, Option<usize>> {
    let mut counts: BTreeMap<usize, Option<usize>> = BTreeMap::new();
    for stage in &build.stages {
        let count = match &stage.base {
            StageBase::Scratch => Some(0),
            StageBase::Image(reference) => bases
                .iter()
                .find(|b| b.needed.reference == *reference)
                .map(|b| b.layers.len()),
            StageBase::Stage(index) => counts.get(index).copied().flatten(),
            StageBase::SiblingService(_) | StageBase::Context(_) => None,
        };
        counts.insert(stage.index, count);
    }
    counts
}
