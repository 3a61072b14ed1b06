use std::collections::{BTreeMap, HashSet};

use crate::bundle::ImageRecord;
use crate::closure::Closure;
use crate::engine::{Docker, EngineInfo, LocalImage, Store};
use crate::error::Failure;
use crate::event::{Reporter, Task, Work};
use crate::layout::{Digest, IndexEntry, Layout};
use crate::reference::ImageReference;

use super::Error;

/// What loading did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Loaded {
    pub(super) images: usize,
    pub(super) bytes: u64,
}

/// What is loaded: the images of the closure that the engine lacks, and of those only the
/// layers that it lacks (engine fact 17).
#[derive(Debug, Default)]
pub(super) struct ToLoad<'a> {
    pub(super) images: Vec<&'a ImageRecord>,
    entries: Vec<IndexEntry>,
    skip: HashSet<Digest>,
    /// Bytes that are written to the engine.
    pub(super) bytes: u64,
}

/// Loads what the engine lacks. `carried` are the images of the bundle, by the names that
/// they get here.
pub(super) fn load(
    docker: &Docker,
    engine: &EngineInfo,
    layout: &Layout,
    carried: &[ImageRecord],
    closure: &Closure,
    reporter: &dyn Reporter,
) -> Result<Loaded, Failure> {
    let ToLoad {
        images,
        entries,
        skip,
        bytes,
    } = to_load(docker, engine, layout, carried, closure)?;
    if images.is_empty() {
        return Ok(Loaded::default());
    }
    let work = Work::Load {
        images: images.len(),
    };
    let task = Task::start(reporter, work, Some(bytes));
    docker.load(|out| layout.load_tar(&entries, &skip, out, &|bytes| task.advance(bytes)))??;
    Ok(Loaded {
        images: images.len(),
        bytes,
    })
}

/// Finds out what has to be loaded.
pub(super) fn to_load<'a>(
    docker: &Docker,
    engine: &EngineInfo,
    layout: &Layout,
    carried: &'a [ImageRecord],
    closure: &Closure,
) -> Result<ToLoad<'a>, Failure> {
    let by_name: BTreeMap<&str, &ImageRecord> = carried
        .iter()
        .map(|image| (image.reference.as_str(), image))
        .collect();
    let names: Vec<String> = closure
        .images
        .iter()
        .map(|i| i.reference.load_name())
        .collect();
    let local = docker.local_images(&names)?;
    let mut wanted: Vec<&ImageRecord> = Vec::new();
    let mut missing: Vec<String> = Vec::new();
    for (needed, name) in closure.images.iter().zip(&names) {
        let here = local.get(name);
        match by_name.get(needed.reference.to_string().as_str()) {
            Some(image) if here.is_some_and(|l| is_same(l, image)) => {}
            Some(image) => wanted.push(image),
            // Not carried, but the site has one of that name: the user's own.
            None if here.is_some() => {}
            None => {
                let name = needed.reference.familiar();
                missing.push(format!("{name} ({})", needed.wanted_as()));
            }
        }
    }
    if !missing.is_empty() {
        return Err(Error::MissingImages { images: missing }.into());
    }
    if wanted.is_empty() {
        return Ok(ToLoad::default());
    }
    let entries = entries(layout, carried, &wanted)?;
    let skip = held_layers(docker, engine, layout, carried, &local)?;
    let bytes = layout.load_size(&entries, &skip)?;
    Ok(ToLoad {
        images: wanted,
        entries,
        skip,
        bytes,
    })
}

/// A graphdriver store names an image by its config, a containerd store by its
/// manifest or index.
fn is_same(local: &LocalImage, image: &ImageRecord) -> bool {
    local
        .id
        .parse::<Digest>()
        .is_ok_and(|id| id == image.config || id == image.manifest || id == image.root)
}

fn entries(
    layout: &Layout,
    carried: &[ImageRecord],
    wanted: &[&ImageRecord],
) -> Result<Vec<IndexEntry>, Failure> {
    let index = layout.read_index()?;
    let mut entries = Vec::new();
    let references = references(carried)?;
    for image in wanted {
        let descriptor = index.manifests.iter().find(|d| d.digest == image.root);
        let Some(descriptor) = descriptor else {
            return Err(crate::bundle::Error::BlobMissing {
                digest: image.root,
                path: layout.path().to_owned(),
            }
            .into());
        };
        let mut descriptor = descriptor.clone();
        descriptor.annotations.clear();
        let reference = ImageReference::parse(&image.reference)?;
        entries.push(IndexEntry {
            descriptor,
            ref_name: image.reference.clone(),
            repo_tags: reference.load_names(&references),
            annotations: BTreeMap::new(),
        });
    }
    Ok(entries)
}

/// Every image's reference.
fn references(carried: &[ImageRecord]) -> Result<Vec<ImageReference>, Failure> {
    let parsed: Result<Vec<_>, _> = carried
        .iter()
        .map(|i| ImageReference::parse(&i.reference))
        .collect();
    Ok(parsed?)
}

/// Layers that need not be sent again.
///
/// A graphdriver store is asked by chain of diff ids; a containerd store holds
/// the very blobs of the bundle's images that it already has.
fn held_layers(
    docker: &Docker,
    engine: &EngineInfo,
    layout: &Layout,
    carried: &[ImageRecord],
    local: &BTreeMap<String, LocalImage>,
) -> Result<HashSet<Digest>, Failure> {
    let mut held = HashSet::new();
    let mut lacking = HashSet::new();
    let chains = match engine.store {
        Store::Graphdriver => docker.local_chains()?,
        Store::Containerd => std::collections::BTreeSet::new(),
    };
    for image in carried {
        let manifest: crate::layout::Manifest = layout.read_json_blob(&image.manifest)?;
        let here = local.values().any(|l| is_same(l, image));
        let mut chain: Vec<String> = Vec::new();
        for (diff_id, layer) in layout.diff_ids(&image.config)?.iter().zip(&manifest.layers) {
            chain.push(diff_id.to_string());
            if here || chains.contains(&chain) {
                held.insert(layer.digest);
            } else {
                lacking.insert(layer.digest);
            }
        }
    }
    // The same layer on another base is another chain, and must be sent for it.
    held.retain(|digest| engine.store == Store::Containerd || !lacking.contains(digest));
    Ok(held)
}
