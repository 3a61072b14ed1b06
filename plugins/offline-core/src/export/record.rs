use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::images::{CarriedImage, size};
use super::run::Gathered;
use super::stage_images::StageImage;
use super::{ExportOptions, Prepared};
use crate::bundle::{
    self, FORMAT, ImageRecord, Inventory, Record, ServiceRecord, SourceEngine, SourcesRecord,
    StageRecord, StepRecord, Unrecorded,
};
use crate::closure::{BuildClosure, KeyStep, StageClosure, StageRef};
use crate::engine::{EngineInfo, Store};
use crate::error::Failure;
use crate::layout::{Descriptor, Digest, IndexEntry, Layout, Manifest, media_type};
use crate::project::Project;
use crate::reference::ImageReference;
use crate::stages::{MadeOf, StepKeys, inventories, stage_reference, step_keys};

/// Writes `index.json` and `manifest.json` for all images and stages.
pub(super) fn write_index(
    layout: &Layout,
    images: &[CarriedImage],
    stages: &[StageImage],
    record: &Record,
) -> Result<(), Failure> {
    let mut entries: Vec<IndexEntry> = images
        .iter()
        .map(|image| IndexEntry {
            descriptor: image.root.clone(),
            ref_name: image.needed.reference.to_string(),
            repo_tags: image
                .needed
                .reference
                .load_names(images.iter().map(|other| &other.needed.reference)),
            annotations: BTreeMap::new(),
        })
        .collect();
    for service in &record.services {
        for stage in &service.stages {
            let name = stage_reference(&record.project, &service.name, &stage.name);
            let Some(descriptor) = described(layout, &stage.manifest) else {
                continue;
            };
            if entries.iter().any(|e| e.ref_name == name) {
                continue;
            }
            entries.push(IndexEntry {
                descriptor,
                repo_tags: vec![name.clone()],
                ref_name: name,
                annotations: BTreeMap::new(),
            });
        }
    }
    entries.extend(record.finished.iter().filter_map(|image| {
        Some(IndexEntry {
            descriptor: described(layout, &image.manifest)?,
            repo_tags: vec![ImageReference::parse(&image.reference).ok()?.familiar()],
            ref_name: image.reference.clone(),
            annotations: BTreeMap::new(),
        })
    }));
    debug_assert!(
        stages.len()
            >= record
                .services
                .iter()
                .map(|s| s.stages.len())
                .sum::<usize>()
    );
    Ok(layout.write_index(&entries)?)
}

/// A manifest of the layout as an index names it.
fn described(layout: &Layout, manifest: &Digest) -> Option<Descriptor> {
    let size = layout.blob_size(manifest)?;
    let written = layout.read_json_blob::<Manifest>(manifest);
    let own = written.map(|m| m.media_type).unwrap_or_default();
    let kind = match own.as_str() {
        "" => media_type::OCI_MANIFEST,
        own => own,
    };
    Some(Descriptor::new(kind, *manifest, size))
}

/// What the builds depend on, as it was before they began.
pub(super) struct Inputs {
    inventories: BTreeMap<String, Arc<Inventory>>,
    pub(super) keys: StepKeys,
}

impl Inputs {
    /// Walks and hashes the contexts.
    pub(super) fn read(prepared: &Prepared) -> Result<Self, bundle::Error> {
        let inventories = inventories(&prepared.closure)?;
        let keys = step_keys(
            &prepared.project,
            &prepared.closure,
            &inventories,
            MadeOf::Everything,
        );
        Ok(Self { inventories, keys })
    }
}

/// The record of this export.
pub(super) fn record(
    layout: &Layout,
    prepared: &Prepared,
    options: &ExportOptions,
    inputs: &Inputs,
    gathered: &Gathered,
) -> Result<Record, Failure> {
    let mut extra_blobs: Vec<Descriptor> = Vec::new();
    let mut services = Vec::new();
    let Inputs { inventories, keys } = inputs;
    let Gathered { images, stages, .. } = gathered;
    let network = gathered.network.as_ref().and_then(|n| n.record.clone());
    extra_blobs.extend(network.iter().map(|n| n.manifest.clone()));
    for service in &prepared.closure.services {
        let Some(build) = &service.build else {
            continue;
        };
        let inventory = stored(layout, inventories.get(&service.name).map(Arc::as_ref))?;
        services.push(ServiceRecord {
            name: service.name.clone(),
            image: service.image.clone(),
            dockerfile: Some(relative(
                &build.dockerfile_path,
                &prepared.project.directory,
            )),
            inventory: inventory.as_ref().map(|d| d.digest),
            target: build.target.clone(),
            final_stage: build.stage(build.target_stage).map(|s| s.name.clone()),
            stages: stage_records(&service.name, build, stages),
            classic: None,
            sources: Some(sources(network_of(&prepared.project, &service.name), build)),
            steps: keys_of(&service.name, build, keys),
            more: BTreeMap::new(),
        });
        if let Some(blob) = inventory
            && !extra_blobs.iter().any(|b| b.digest == blob.digest)
        {
            extra_blobs.push(blob);
        }
    }
    Ok(Record {
        format: FORMAT,
        tool_version: options.tool_version.clone(),
        created: jiff::Timestamp::now()
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string(),
        project: prepared.project.name.clone(),
        platform: prepared.platform.to_string(),
        build_args: super::arguments::carried(options),
        engine: engine_of(&prepared.engine),
        images: images
            .iter()
            .map(|image| image_record(layout, image))
            .collect(),
        finished: gathered.finished.records.clone(),
        services,
        index: None,
        manifest: None,
        extra_blobs,
        fetched: None,
        network: network.into_iter().collect(),
        carried: Vec::new(),
        unrecorded: unrecorded(gathered, &prepared.project.directory),
        adds_to: None,
        more: BTreeMap::new(),
    })
}

fn image_record(layout: &Layout, image: &CarriedImage) -> ImageRecord {
    ImageRecord {
        reference: image.needed.reference.to_string(),
        platform: image.needed.platform.clone(),
        roles: image
            .needed
            .roles
            .iter()
            .map(|r| r.as_str().to_owned())
            .collect(),
        root: image.root.digest,
        manifest: image.manifest.digest,
        config: image.config,
        size: size(layout, &image.manifest),
        container: image.container.clone(),
        more: BTreeMap::new(),
    }
}

fn stage_records(service: &str, build: &BuildClosure, stages: &[StageImage]) -> Vec<StageRecord> {
    let mut records = Vec::new();
    for stage in &build.stages {
        let image = stages
            .iter()
            .find(|s| s.stage.service == service && s.stage.stage == stage.index);
        let Some(image) = image else { continue };
        let names = stage.depends_on.iter().filter_map(|i| build.stage(*i));
        records.push(StageRecord {
            name: stage.name.clone(),
            line: stage.line as usize,
            manifest: image.manifest,
            config: image.config,
            wave: image.wave,
            depends_on: names.map(|s| s.name.clone()).collect(),
            more: BTreeMap::new(),
        });
    }
    records
}

/// `build.network` of a service.
fn network_of<'a>(project: &'a Project, service: &str) -> Option<&'a str> {
    let build = project.service(service)?.build.as_ref()?;
    build.network.as_deref()
}

/// What the service is built from, so that a miss can be explained by line.
pub(crate) fn sources(network: Option<&str>, build: &BuildClosure) -> SourcesRecord {
    let steps = |stage: &StageClosure| -> Vec<StepRecord> {
        let step = |step: &KeyStep| StepRecord {
            line: step.line,
            text: step.text.clone(),
        };
        stage.steps.iter().map(step).collect()
    };
    SourcesRecord {
        network: network.map(str::to_owned),
        stages: build
            .stages
            .iter()
            .map(|stage| (stage.name.clone(), steps(stage)))
            .collect(),
    }
}

/// The engine, as a bundle names it.
pub(super) fn engine_of(engine: &EngineInfo) -> SourceEngine {
    SourceEngine {
        version: engine.version.clone(),
        store: match engine.store {
            Store::Containerd => "containerd".into(),
            Store::Graphdriver => engine.driver.clone(),
        },
        buildx: engine.buildx.clone(),
        compose: engine.compose.clone(),
        ..SourceEngine::default()
    }
}

/// Kept, so that a miss can be explained by file.
fn stored(layout: &Layout, inventory: Option<&Inventory>) -> Result<Option<Descriptor>, Failure> {
    let Some(inventory) = inventory else {
        return Ok(None);
    };
    let stored = inventory.store(layout)?;
    let kind = "application/vnd.docker-offline.inventory.v1+json";
    Ok(Some(Descriptor::new(kind, stored.digest, stored.size)))
}

fn keys_of(service: &str, build: &BuildClosure, keys: &StepKeys) -> BTreeMap<String, Vec<Digest>> {
    let of_stage = build.stages.iter().filter_map(|stage| {
        let reference = StageRef {
            service: service.to_owned(),
            stage: stage.index,
        };
        Some((stage.name.clone(), keys.get(&reference)?.clone()))
    });
    of_stage.collect()
}

/// By service; a place below the project's folder is named from there, as that folder
/// lies elsewhere on the site.
fn unrecorded(gathered: &Gathered, folder: &Path) -> BTreeMap<String, Unrecorded> {
    let network = gathered.network.iter();
    let all = network.flat_map(|network| &network.unrecorded);
    let from_folder = |one: &Unrecorded| Unrecorded {
        at: one.at.as_ref().map(|at| relative(Path::new(at), folder)),
        why: one.why.clone(),
    };
    all.map(|(service, one)| (service.clone(), from_folder(one)))
        .collect()
}

pub(super) fn relative(path: &Path, base: &Path) -> String {
    path.strip_prefix(base)
        .unwrap_or(path)
        .display()
        .to_string()
}

/// The previous record, if there is one that can be read.
pub(super) fn previous(layout: &Layout) -> Option<Record> {
    bundle::Record::read(layout.path()).ok()
}
