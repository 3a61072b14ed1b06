use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Carried, Error, FetchedRecord, NetworkRecord};
use crate::compatibility::Engine;
use crate::engine::Store;
use crate::layout::{self, Descriptor, Digest, Layout};

/// The record's file name in the layout folder, and the first file of an archive.
pub const RECORD_FILE: &str = "bundle.json";

/// The bundle format that this version writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// What a bundle is: written as `bundle.json` into the layout folder.
///
/// Fields that a reader does not know are ignored and those that a writer did
/// not know are empty, so that the format version only rises when an old reader
/// would do something wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Record {
    /// The bundle format, see [`FORMAT`].
    pub format: u32,
    /// The version of docker-offline that wrote it.
    pub tool_version: String,
    /// When it was exported (RFC 3339, UTC).
    pub created: String,
    /// The Compose project's name.
    pub project: String,
    /// The platform that it was exported for.
    pub platform: String,
    /// Build arguments besides those of the Compose files, which the site's
    /// builds need too: they are part of keys.
    pub build_args: BTreeMap<String, String>,
    /// The engine that built it.
    pub engine: SourceEngine,
    /// Every image that is carried.
    pub images: Vec<ImageRecord>,
    /// The images of services as `docker compose build` makes them, of the layers of
    /// their last stages; empty where they were left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub finished: Vec<FinishedRecord>,
    /// Every service that is built.
    pub services: Vec<ServiceRecord>,
    /// The digest of `index.json`; set when the record is written.
    pub index: Option<Digest>,
    /// The digest of `manifest.json`; set when the record is written.
    pub manifest: Option<Digest>,
    /// Blobs that no image of `index.json` points to, such as inventories, and the
    /// manifests of artifacts, which point to others.
    pub extra_blobs: Vec<Descriptor>,
    /// What ADD fetches; `None` where nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetched: Option<FetchedRecord>,
    /// What the RUN steps fetched, oldest recording first; empty where nothing was
    /// recorded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub network: Vec<NetworkRecord>,
    /// What else is carried: files, volumes; empty where nothing is declared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<Carried>,
    /// The services whose network steps could not be recorded, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unrecorded: BTreeMap<String, Unrecorded>,
    /// The bundle that this one adds a recording to; `None` in one that stands alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adds_to: Option<AddsTo>,
    /// Anything a later version adds.
    #[serde(flatten)]
    pub more: BTreeMap<String, serde_json::Value>,
}

/// Why a service could not be recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Unrecorded {
    /// `file:line` of the step, where it is known.
    pub at: Option<String>,
    /// What it said; nothing that it printed, which may hold what is not to be carried.
    pub why: String,
}

impl Unrecorded {
    /// Place and reason in one line.
    pub fn words(&self) -> String {
        match &self.at {
            Some(at) => format!("{at}: {}", self.why),
            None => self.why.clone(),
        }
    }
}

/// Which bundle a small one adds to: the one that a request file speaks of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AddsTo {
    /// Its project.
    pub project: String,
    /// When it was exported.
    pub created: String,
}

/// The engine that a bundle was exported from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SourceEngine {
    /// The engine's version.
    pub version: String,
    /// Its API version.
    pub api: String,
    /// Its image store: `containerd`, or the graphdriver's name.
    pub store: String,
    /// The version of buildx, if installed.
    pub buildx: Option<String>,
    /// The version of Compose, if installed.
    pub compose: Option<String>,
    /// Anything a later version adds.
    #[serde(flatten)]
    pub more: BTreeMap<String, serde_json::Value>,
}

/// One image of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageRecord {
    /// The normalised reference.
    pub reference: String,
    /// Its platform.
    #[serde(default)]
    pub platform: String,
    /// What it is for: `base`, `frontend`, `copy-from`, `mount-from`,
    /// `context`, `service`, `stage`, `named`.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The index or manifest that the registry serves, or what was saved.
    pub root: Digest,
    /// The platform's manifest.
    pub manifest: Digest,
    /// The config, which is the image ID on a graphdriver store.
    pub config: Digest,
    /// Size of all its blobs in bytes.
    #[serde(default)]
    pub size: u64,
    /// The container that it was made of, where that is no image of a registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Anything a later version adds.
    #[serde(flatten)]
    pub more: BTreeMap<String, serde_json::Value>,
}

/// The finished image of one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FinishedRecord {
    /// The normalised reference.
    pub reference: String,
    /// Its platform.
    #[serde(default)]
    pub platform: String,
    /// The services that it is the image of.
    pub services: BTreeSet<String>,
    /// Its manifest.
    pub manifest: Digest,
    /// Its config, which is the image ID on a graphdriver store.
    pub config: Digest,
    /// Size of all its blobs in bytes, which are those of the last stage but for
    /// manifest and config.
    #[serde(default)]
    pub size: u64,
    /// Anything a later version adds.
    #[serde(flatten)]
    pub more: BTreeMap<String, serde_json::Value>,
}

impl FinishedRecord {
    /// The same as an image that goes by a name.
    pub fn named(&self, reference: String) -> ImageRecord {
        ImageRecord {
            reference,
            platform: self.platform.clone(),
            roles: vec!["finished".into()],
            root: self.manifest,
            manifest: self.manifest,
            config: self.config,
            size: self.size,
            container: None,
            more: BTreeMap::new(),
        }
    }
}

/// One service that is built.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceRecord {
    /// Its name in the project.
    pub name: String,
    /// The image that its build is tagged as.
    pub image: String,
    /// The Dockerfile, relative to the project.
    pub dockerfile: Option<String>,
    /// The blob with its context's inventory.
    pub inventory: Option<Digest>,
    /// The target asked for.
    pub target: Option<String>,
    /// The name of the last stage that is built.
    pub final_stage: Option<String>,
    /// The stages that are built, in order.
    pub stages: Vec<StageRecord>,
    /// What it was built from, so that a miss can be explained; `None` in
    /// bundles of older versions.
    pub sources: Option<SourcesRecord>,
    /// What the classic builder can take; `None` where it was not exported for.
    pub classic: Option<ClassicRecord>,
    /// What each step of a stage depends on, by the stage's name: the FROM first,
    /// then one key an instruction (`stages::step_keys`). They say after which step
    /// of the carried stage images a build has to go on.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<String, Vec<Digest>>,
    /// Anything a later version adds.
    #[serde(flatten)]
    pub more: BTreeMap<String, serde_json::Value>,
}

/// What a service was built from, besides the files of its context.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SourcesRecord {
    /// The network of its RUN steps (`build.network`).
    pub network: Option<String>,
    /// The instructions of each stage, by the stage's name.
    pub stages: BTreeMap<String, Vec<StepRecord>>,
}

/// One instruction that cache keys are made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StepRecord {
    /// Its line, 1-based.
    pub line: u32,
    /// What it said, with ARGs as the build had them.
    pub text: String,
}

/// The classic builder's cache of one service: an image a stage, as it builds
/// every stage up to the target (engine fact 14).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ClassicRecord {
    /// The stage images, in the Dockerfile's order; empty where it cannot build
    /// the service.
    pub stages: Vec<ClassicStage>,
    /// Why it cannot.
    pub refused: Vec<ClassicRefusal>,
}

/// One stage as the classic builder builds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassicStage {
    /// Its name; generated for stages without one.
    pub name: String,
    /// The line of its `FROM`, 1-based.
    #[serde(default)]
    pub line: usize,
    /// The image's manifest in the layout.
    pub manifest: Digest,
    /// The image's config, which is its ID on a graphdriver store.
    pub config: Digest,
}

/// One thing in a Dockerfile that the classic builder does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassicRefusal {
    /// The line, 1-based.
    pub line: usize,
    /// What it is, such as `RUN --mount`.
    pub what: String,
}

/// One stage of a service's build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageRecord {
    /// Its name; generated for stages without one.
    pub name: String,
    /// The line of its `FROM`, 1-based.
    #[serde(default)]
    pub line: usize,
    /// The stage image's manifest, which is its cache source.
    pub manifest: Digest,
    /// The config that the engine gave the stage's image. The image in the layout
    /// has another one, with completed cache records.
    pub config: Digest,
    /// The wave in which it is warmed, 0-based.
    #[serde(default)]
    pub wave: usize,
    /// The stages that it needs.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// Anything a later version adds.
    #[serde(flatten)]
    pub more: BTreeMap<String, serde_json::Value>,
}

/// Only what decides whether the rest can be read.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Version {
    format: Option<u32>,
    tool_version: String,
}

impl Record {
    /// Reads a record; a newer format is refused by name of the version that
    /// wrote it, whatever else has changed in it.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |source| Error::RecordMalformed { source };
        let version: Version = serde_json::from_slice(bytes).map_err(malformed)?;
        match version.format {
            Some(format) if format > FORMAT => {
                return Err(Error::Newer {
                    format,
                    tool_version: version.tool_version.chars().take(64).collect(),
                });
            }
            Some(format) if format > 0 => {}
            _ => {
                return Err(Error::NotABundle {
                    path: RECORD_FILE.into(),
                    why: format!("{RECORD_FILE} names no format"),
                });
            }
        }
        serde_json::from_slice(bytes).map_err(malformed)
    }

    /// Reads the record of a bundle folder.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(RECORD_FILE);
        if !path.exists() {
            return Err(Error::NotABundle {
                path: folder.to_owned(),
                why: format!("it has no {RECORD_FILE}"),
            });
        }
        Self::parse(&layout::read_bounded(&path, RECORD_FILE)?)
    }

    /// The record's bytes, the same for the same record.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut bytes =
            serde_json::to_vec_pretty(self).map_err(|source| Error::RecordMalformed { source })?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Writes the record into a layout, bound to the layout's present index; do
    /// it last, it makes the bundle whole.
    pub fn write(&mut self, layout: &Layout) -> Result<(), Error> {
        let digest = |name: &str| -> Result<Digest, Error> {
            Ok(Digest::of(&layout::read_bounded(
                &layout.path().join(name),
                name,
            )?))
        };
        self.format = FORMAT;
        self.index = Some(digest("index.json")?);
        self.manifest = Some(digest("manifest.json")?);
        let path = layout.path().join(RECORD_FILE);
        Ok(layout::replace_file(&path, &self.to_bytes()?)?)
    }

    /// Whether what stands for an address of ADD is carried.
    pub fn holds_fetched(&self, id: &str) -> bool {
        self.fetched.as_ref().is_some_and(|all| all.holds(id))
    }

    /// Whether two records say the same, the time of export aside. An export
    /// that changes nothing keeps the old record, and with it the old archive.
    pub fn same_content(&self, other: &Self) -> bool {
        let timeless = |record: &Self| Self {
            created: String::new(),
            format: FORMAT,
            ..record.clone()
        };
        timeless(self) == timeless(other)
    }

    /// The engine that made the bundle, as caches are compared by.
    pub fn maker(&self) -> Engine {
        Engine {
            version: self.engine.version.clone(),
            store: match self.engine.store.as_str() {
                "" => None,
                "containerd" => Some(Store::Containerd),
                _ => Some(Store::Graphdriver),
            },
            compose: self.engine.compose.clone(),
        }
    }

    /// Why a service's network steps are not recorded, where they could not be and no
    /// second trip has brought them.
    pub fn unrecorded(&self, service: &str) -> Option<&Unrecorded> {
        let one = self.unrecorded.get(service)?;
        let brought = |n: &NetworkRecord| n.services.contains_key(service);
        (!self.network.iter().any(brought)).then_some(one)
    }

    /// The record as it was before anything was added to its bundle.
    #[must_use]
    pub fn without_additions(&self) -> Self {
        let mut record = self.clone();
        let (added, own): (Vec<_>, Vec<_>) =
            record.network.into_iter().partition(|n| n.added.is_some());
        record.network = own;
        record
            .extra_blobs
            .retain(|blob| !added.iter().any(|n| n.manifest == *blob));
        record
    }

    /// What must be kept and verified besides what `index.json` points to.
    pub fn extra_roots(&self) -> &[Descriptor] {
        &self.extra_blobs
    }
}
