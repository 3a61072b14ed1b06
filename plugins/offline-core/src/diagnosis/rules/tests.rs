//! What the rules find, without an engine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::super::bundle_view::{BundleView, Wholeness};
use super::super::disk::Disk;
use super::super::facts::{Builder, EngineFacts, Facts};
use super::super::finding::{Finding, Remedy, Severity};
use super::super::sources::Sources;
use super::super::traces::traces;
use super::*;
use crate::bundle::{self, ImageRecord, Inventory, Record, ServiceRecord};
use crate::closure;
use crate::engine::{EngineInfo, Error, LocalImage, Store};
use crate::error::Failure;
use crate::layout::{Damage, Digest, Finding as Blob};
use crate::project::from_config;
use crate::reference::ImageReference;

struct Bundle {
    record: Record,
    damaged: bool,
    inventory: Option<Inventory>,
}

impl BundleView for Bundle {
    fn place(&self) -> &Path {
        Path::new("build-cache")
    }
    fn is_archive(&self) -> bool {
        false
    }
    fn record(&self) -> &Record {
        &self.record
    }
    fn inventory(&self, _: &Digest) -> Option<Inventory> {
        self.inventory.clone()
    }
    fn verify(&self) -> Result<Wholeness, Failure> {
        if !self.damaged {
            return Ok(Wholeness::Whole);
        }
        Ok(Wholeness::Damaged(vec![Blob {
            digest: Digest::of(b"x"),
            what: Damage::Missing,
        }]))
    }
}

/// A machine, a bundle and a project, of which a test spoils one thing.
struct Scene {
    facts: Facts,
    bundle: Result<Bundle, Failure>,
    bundle_named: bool,
    sources: Sources,
    local: BTreeMap<String, LocalImage>,
    folder: tempfile::TempDir,
}

const DOCKERFILE: &str = "FROM debian:12\nRUN echo plain\nRUN --mount=type=cache,target=/c apt-get update\nCOPY --link a /a\nRUN echo after\n";

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Dockerfile"), DOCKERFILE).unwrap();
        let config = format!(
            r#"{{"name": "shop", "services": {{
                "api": {{"build": {{"context": "{}", "dockerfile": "Dockerfile",
                    "additional_contexts": {{"db": "service:db"}}}}}},
                "db": {{"image": "redis:7"}}}}}}"#,
            folder.path().display()
        );
        let project = from_config(&config, &[folder.path().join("compose.yaml")]).unwrap();
        let platform = "linux/amd64".parse().unwrap();
        let closure = closure::resolve(&project, &[], &platform).unwrap();
        let images = ["docker.io/library/debian:12", "docker.io/library/redis:7"];
        let mut record = Record {
            project: "shop".into(),
            platform: "linux/amd64".into(),
            images: images.map(image).to_vec(),
            services: vec![ServiceRecord {
                name: "api".into(),
                ..ServiceRecord::default()
            }],
            ..Record::default()
        };
        record.engine.version = "28.5.2".into();
        record.engine.store = "overlay2".into();
        let local = record.images.iter().map(loaded).collect();
        Self {
            facts: facts(),
            bundle: Ok(Bundle {
                record,
                damaged: false,
                inventory: None,
            }),
            bundle_named: false,
            sources: Sources::Read(Box::new(project), Box::new(closure)),
            local,
            folder,
        }
    }

    fn engine(&mut self) -> &mut EngineFacts {
        self.facts.engine.as_mut().unwrap()
    }

    fn record(&mut self) -> &mut Record {
        &mut self.bundle.as_mut().unwrap().record
    }

    fn without_engine(&mut self) {
        let message = "no such file".to_owned();
        self.facts.engine = Err(Error::Unreachable { message });
        // As buildx 0.29 prints it.
        self.facts.builder.as_mut().unwrap().driver = String::new();
    }

    fn without_bundle(&mut self) {
        let looked = vec!["build-cache".into()];
        self.bundle = Err(bundle::Error::NotFound { looked }.into());
    }

    fn findings(&self) -> Vec<Finding> {
        let view = self.bundle.as_ref().map(|bundle| bundle as &dyn BundleView);
        let local = self.facts.engine.is_ok().then_some(&self.local);
        let traces = traces(&self.sources, view.ok(), &self.facts, local);
        let report = diagnose(&Situation {
            facts: &self.facts,
            bundle: view,
            bundle_named: self.bundle_named,
            unpacked: Path::new("build-cache"),
            folder: self.folder.path(),
            sources: &self.sources,
            local,
            traces: &traces,
        });
        report.findings
    }

    /// Everything that is not as it should be.
    fn wrong(&self) -> Vec<(&'static str, Severity)> {
        let findings = self.findings().into_iter();
        findings
            .filter(|f| f.severity != Severity::Ok)
            .map(|f| (f.id, f.severity))
            .collect()
    }
}

fn image(reference: &str) -> ImageRecord {
    ImageRecord {
        reference: reference.into(),
        platform: "linux/amd64".into(),
        roles: Vec::new(),
        root: Digest::of(format!("root {reference}").as_bytes()),
        manifest: Digest::of(format!("manifest {reference}").as_bytes()),
        config: Digest::of(format!("config {reference}").as_bytes()),
        size: 1,
        more: BTreeMap::new(),
    }
}

/// The image as a graphdriver store shows it after loading.
fn loaded(image: &ImageRecord) -> (String, LocalImage) {
    let name = ImageReference::parse(&image.reference).unwrap().load_name();
    let local = LocalImage {
        id: image.config.to_string(),
        repo_digests: None,
        repo_tags: None,
        root_fs: None,
    };
    (name, local)
}

fn facts() -> Facts {
    let root = PathBuf::from("/var/lib/docker");
    Facts {
        engine: Ok(EngineFacts {
            info: EngineInfo {
                version: "28.5.2".into(),
                store: Store::Graphdriver,
                driver: "overlay2".into(),
                platform: "linux/amd64".into(),
                root: root.clone(),
                mirrors: Vec::new(),
                insecure_registries: Vec::new(),
                buildx: None,
                compose: None,
            },
            api_version: "1.51".into(),
            disk: Some(Disk {
                path: root,
                size: 100,
                available: 50,
            }),
        }),
        buildx: Ok("github.com/docker/buildx 0.29.1 abc".into()),
        compose: Ok("2.40.0".into()),
        builder: Ok(Builder {
            name: "default".into(),
            driver: "docker".into(),
        }),
    }
}

#[test]
fn nothing_is_wrong_where_all_is_well() {
    let scene = Scene::new();
    assert_eq!(scene.wrong(), []);
}

#[test]
fn ids_are_unique() {
    let ids: BTreeSet<&str> = rules().iter().map(|r| r.id).collect();
    assert_eq!(ids.len(), rules().len());
}

#[test]
fn one_cause_is_one_finding_and_hides_no_other() {
    let mut scene = Scene::new();
    scene.without_engine();
    assert_eq!(scene.wrong(), [("engine-reachable", Severity::Error)]);
    let ids: BTreeSet<&str> = scene.findings().iter().map(|f| f.id).collect();
    for id in ["bundle-whole", "bundle-complete", "project", "compose"] {
        assert!(ids.contains(id), "{id} in {ids:?}");
    }
}

#[test]
fn a_missing_bundle_is_a_warning_unless_it_was_named() {
    let mut scene = Scene::new();
    scene.without_bundle();
    assert_eq!(scene.wrong(), [("bundle-present", Severity::Warning)]);
    scene.bundle_named = true;
    assert_eq!(scene.wrong(), [("bundle-present", Severity::Error)]);
}

#[test]
fn a_damaged_bundle_is_an_error() {
    let mut scene = Scene::new();
    scene.bundle.as_mut().unwrap().damaged = true;
    assert_eq!(scene.wrong(), [("bundle-whole", Severity::Error)]);
}

#[test]
fn another_processor_is_an_error() {
    let mut scene = Scene::new();
    scene.record().platform = "linux/arm64/v8".into();
    assert_eq!(scene.wrong(), [("architecture", Severity::Error)]);
    scene.engine().info.platform = "linux/arm64".into();
    assert_eq!(scene.wrong(), []);
}

#[test]
fn a_builder_of_its_own_cannot_see_loaded_images() {
    let mut scene = Scene::new();
    scene.facts.builder.as_mut().unwrap().driver = "docker-container".into();
    assert_eq!(scene.wrong(), [("builder", Severity::Error)]);
    let findings = scene.findings();
    let builder = findings.iter().find(|f| f.id == "builder").unwrap();
    let command = Remedy::Run("docker buildx use default".into());
    assert_eq!(builder.remedy, [command]);
}

#[test]
fn an_old_compose_cannot_read_service_contexts() {
    let mut scene = Scene::new();
    scene.facts.compose = Ok("2.26.1-4".into());
    assert_eq!(scene.wrong(), [("compose", Severity::Error)]);
}

#[test]
fn a_nearly_full_engine_disk_loses_caches() {
    let mut scene = Scene::new();
    scene.engine().disk.as_mut().unwrap().available = 17;
    assert_eq!(scene.wrong(), [("engine-disk", Severity::Warning)]);
}

#[test]
fn what_the_bundle_lacks_is_named() {
    let mut scene = Scene::new();
    scene.record().images.pop();
    // The site has a redis of its own.
    assert_eq!(scene.wrong(), [("bundle-complete", Severity::Note)]);
    scene.local.clear();
    let wrong = scene.wrong();
    assert!(
        wrong.contains(&("bundle-complete", Severity::Error)),
        "{wrong:?}"
    );
    let findings = scene.findings();
    let lacking = findings.iter().find(|f| f.severity == Severity::Error);
    assert_eq!(
        lacking.unwrap().message.en,
        "redis:7 (service of db) is in neither the bundle nor the engine"
    );
    let mut scene = Scene::new();
    // Its apt-get would run.
    scene.record().services.clear();
    assert_eq!(scene.wrong(), [("bundle-complete", Severity::Error)]);
}

#[test]
fn a_network_step_that_misses_on_this_engine_is_named_by_line() {
    let mut scene = Scene::new();
    scene.engine().info.version = "26.1.5".into();
    assert_eq!(scene.wrong(), [("build-cache", Severity::Error)]);
    let findings = scene.findings();
    let miss = findings.iter().find(|f| f.id == "build-cache").unwrap();
    assert!(miss.message.en.contains("Dockerfile:3"), "{miss:?}");

    // The step behind COPY --link needs no network.
    let mut scene = Scene::new();
    scene.record().engine.store = "containerd".into();
    assert_eq!(scene.wrong(), [("build-cache", Severity::Warning)]);
}

#[test]
fn images_are_told_by_what_they_are_and_not_by_name_alone() {
    let mut scene = Scene::new();
    scene.local.remove("redis:7");
    // It will be loaded.
    assert_eq!(scene.wrong(), []);
    let mut scene = Scene::new();
    let other = image("docker.io/library/other:1");
    scene.local.insert("redis:7".into(), loaded(&other).1);
    assert_eq!(scene.wrong(), [("image-present", Severity::Note)]);
    let findings = scene.findings();
    let note = findings.iter().find(|f| f.severity == Severity::Note);
    assert!(note.unwrap().message.en.contains("other images"));
}
