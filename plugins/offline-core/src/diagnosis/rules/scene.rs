//! A machine, a bundle and a project for tests, without an engine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::bundle_view::{BundleView, Wholeness};
use super::super::contexts::contexts;
use super::super::facts::{Builder, EngineFacts, Facts};
use super::super::finding::{Finding, Severity};
use super::super::sources::Sources;
use super::super::traces::traces;
use super::*;
use crate::bundle::{self, ImageRecord, Inventory, Record, ServiceRecord};
use crate::closure;
use crate::diagnosis::Machine;
use crate::engine::Disk;
use crate::engine::{EngineInfo, Error, LocalImage, Store};
use crate::error::Failure;
use crate::layout::{Damage, Digest, Finding as Blob};
use crate::project::{MissingEnvFile, from_config};
use crate::reference::ImageReference;

pub(super) struct Bundle {
    pub(super) record: Record,
    pub(super) damaged: bool,
    pub(super) size: u64,
    pub(super) inventory: Option<Inventory>,
}

impl BundleView for Bundle {
    fn place(&self) -> &Path {
        Path::new("build-cache")
    }
    fn is_archive(&self) -> bool {
        false
    }
    fn size(&self) -> u64 {
        self.size
    }
    fn record(&self) -> &Record {
        &self.record
    }
    fn inventory(&self, _: &Digest) -> Option<Inventory> {
        self.inventory.clone()
    }
    fn verify(&self) -> Result<Wholeness, Failure> {
        if !self.damaged {
            return Ok(Wholeness::ByDigests);
        }
        Ok(Wholeness::Damaged(vec![Blob {
            digest: Digest::of(b"x"),
            what: Damage::Missing,
        }]))
    }
}

/// A machine, a bundle and a project, of which a test spoils one thing.
pub(super) struct Scene {
    pub(super) facts: Facts,
    pub(super) bundle: Result<Bundle, Failure>,
    pub(super) bundle_named: bool,
    pub(super) sources: Sources,
    pub(super) local: BTreeMap<String, LocalImage>,
    pub(super) machine: Machine,
    pub(super) missing_env_files: Vec<MissingEnvFile>,
    pub(super) folder: tempfile::TempDir,
}

const DOCKERFILE: &str = "FROM debian:12\nRUN echo plain\nRUN --mount=type=cache,target=/c apt-get update\nCOPY --link a /a\nRUN echo after\n";

impl Scene {
    /// All is well.
    pub(super) fn new() -> Self {
        let api = r#""build": {"context": "{dir}", "dockerfile": "Dockerfile",
            "additional_contexts": {"db": "service:db"}}"#;
        Self::of(&[("Dockerfile", DOCKERFILE)], api)
    }

    /// The same with other files and another service `api`; `{dir}` is the
    /// project's folder.
    pub(super) fn of(files: &[(&str, &str)], api: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let api = api.replace("{dir}", &folder.path().display().to_string());
        let config = format!(
            r#"{{"name": "shop", "services": {{
                "api": {{{api}}},
                "db": {{"image": "redis:7"}}}}}}"#
        );
        let project = from_config(&config, &[folder.path().join("compose.yaml")]).unwrap();
        let platform = "linux/amd64".parse().unwrap();
        let closure = closure::resolve(&project, &[], &platform).unwrap();
        let images = closure
            .images
            .iter()
            .map(|i| image(&i.reference.to_string()));
        let mut record = Record {
            project: "shop".into(),
            platform: "linux/amd64".into(),
            created: "2026-01-02T00:00:00Z".into(),
            tool_version: "0.1.0".into(),
            images: images.collect(),
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
                size: 0,
                inventory: None,
            }),
            bundle_named: false,
            sources: Sources::Read(Box::new(project), Box::new(closure)),
            local,
            machine: machine(),
            missing_env_files: Vec::new(),
            folder,
        }
    }

    pub(super) fn engine(&mut self) -> &mut EngineFacts {
        self.facts.engine.as_mut().unwrap()
    }

    pub(super) fn record(&mut self) -> &mut Record {
        &mut self.bundle.as_mut().unwrap().record
    }

    pub(super) fn without_engine(&mut self) {
        let message = "no such file".to_owned();
        self.facts.engine = Err(Error::Unreachable { message });
        // As buildx 0.29 prints it.
        self.facts.builder.as_mut().unwrap().driver = String::new();
    }

    pub(super) fn without_bundle(&mut self) {
        let looked = vec!["build-cache".into()];
        self.bundle = Err(bundle::Error::NotFound { looked }.into());
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
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
            machine: &self.machine,
            missing_env_files: &self.missing_env_files,
            contexts: &self.sources.closure().map(contexts).unwrap_or_default(),
            tool_version: "0.1.0",
        });
        report.findings
    }

    /// Everything that is not as it should be.
    pub(super) fn wrong(&self) -> Vec<(&'static str, Severity)> {
        let findings = self.findings().into_iter();
        findings
            .filter(|f| f.severity != Severity::Ok)
            .map(|f| (f.id, f.severity))
            .collect()
    }
}

pub(super) fn image(reference: &str) -> ImageRecord {
    ImageRecord {
        reference: reference.into(),
        platform: "linux/amd64".into(),
        roles: Vec::new(),
        root: Digest::of(format!("root {reference}").as_bytes()),
        manifest: Digest::of(format!("manifest {reference}").as_bytes()),
        config: Digest::of(format!("config {reference}").as_bytes()),
        size: 1,
        container: None,
        more: BTreeMap::new(),
    }
}

/// The image as a graphdriver store shows it after loading.
pub(super) fn loaded(image: &ImageRecord) -> (String, LocalImage) {
    let name = ImageReference::parse(&image.reference).unwrap().load_name();
    let local = LocalImage {
        id: image.config.to_string(),
        repo_digests: None,
        repo_tags: None,
        layers: Vec::new(),
        config: serde_json::Value::Null,
    };
    (name, local)
}

fn machine() -> Machine {
    Machine {
        now: 1_800_000_000,
        memory: Some(8 << 30),
        ..Machine::default()
    }
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
                runtimes: vec!["runc".into()],
                name: String::new(),
                rootless: false,
                proxies: Vec::new(),
                buildx: None,
                compose: None,
            },
            api_version: "1.51".into(),
            disk: Some(Disk {
                path: root,
                size: 100,
                available: 50,
                inodes: 100,
                inodes_free: 50,
            }),
            local: true,
        }),
        buildx: Ok("github.com/docker/buildx 0.29.1 abc".into()),
        compose: Ok("2.40.0".into()),
        builder: Ok(Builder {
            name: "default".into(),
            driver: "docker".into(),
        }),
        containers: Vec::new(),
    }
}
