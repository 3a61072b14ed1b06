use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use super::{FetchedPackage, RecordingCost, UnfetchedPackage};
use crate::bundle::{Carried, FinishedRecord, Record, Unrecorded};
use crate::error::Failure;
use crate::layout::{Digest, Error, Layout, Manifest};

/// What an export did.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Summary {
    /// The project.
    pub project: String,
    /// The services whose builds are carried.
    pub services: Vec<String>,
    /// Services that no active profile enables, and that are not carried.
    pub hidden: Vec<String>,
    /// Services that no site can build, and that are not carried.
    pub left_out: Vec<String>,
    /// How many images from registries are carried.
    pub images: usize,
    /// How many stages are carried.
    pub stages: usize,
    /// Services with steps that the classic builder does not know.
    pub not_classic: Vec<String>,
    /// The bundle folder.
    pub bundle: PathBuf,
    /// Its size in bytes.
    pub bundle_bytes: u64,
    /// Its size by kind.
    pub sizes: Sizes,
    /// How many bytes of blobs are new since the last export into it.
    pub new_bytes: u64,
    /// Bytes of blobs that nothing needed any more and that were removed.
    pub removed_bytes: u64,
    /// The archive, if one was written.
    pub archive: Option<PathBuf>,
    /// Its size in bytes.
    pub archive_bytes: Option<u64>,
    /// Its files, where it is in parts.
    pub parts: Vec<PathBuf>,
    /// Files that lie beside the archive so that the site can bootstrap.
    pub beside: Vec<PathBuf>,
    /// What recording the network cost; `None` where nothing was to be recorded.
    pub network: Option<RecordingCost>,
    /// Services that fetch files by ADD, which are carried.
    pub fetched: BTreeSet<String>,
    /// What is carried besides images.
    pub carried: Vec<Carried>,
    /// Finished images of services.
    pub finished: Vec<FinishedRecord>,
    /// Containers that are carried as images, which `bundle.json` lists as such.
    pub containers: Vec<String>,
    /// Services with contexts that their builds fetch, which are carried.
    pub contexts: BTreeSet<String>,
    /// Services whose network steps could not be recorded, by name.
    pub unrecorded: BTreeMap<String, Unrecorded>,
    /// Packages that were fetched besides what the builds ask for.
    pub packages: Vec<FetchedPackage>,
    /// Those that could not be fetched.
    pub unfetched: BTreeSet<UnfetchedPackage>,
    /// How long it took.
    #[serde(serialize_with = "seconds")]
    pub elapsed: Duration,
}

impl Summary {
    /// What is wrong with a bundle that was written: some services or packages are not recorded.
    pub fn failure(&self) -> Option<Failure> {
        let services = self.unrecorded.iter();
        let services: Vec<String> = services
            .map(|(name, one)| format!("{name} ({})", one.words()))
            .collect();
        let packages: Vec<String> = self.unfetched.iter().map(UnfetchedPackage::words).collect();
        (!(services.is_empty() && packages.is_empty()))
            .then(|| super::Error::NotAllRecorded { services, packages }.into())
    }
}

pub(super) fn seconds<S: serde::Serializer>(
    time: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

/// The bytes of a bundle's blobs by kind. What several share counts once, for the
/// first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Sizes {
    /// Images from registries: bases, frontends, images that are only run.
    pub images: u64,
    /// What stages and finished images have besides.
    pub stages: u64,
    /// What ADD fetches.
    pub fetched: u64,
    /// What is recorded of the network.
    pub network: u64,
    /// What is carried besides, by kind.
    pub carried: BTreeMap<String, u64>,
    /// Inventories of build contexts.
    pub other: u64,
}

impl Sizes {
    /// The sizes of a bundle's blobs.
    pub(super) fn of(layout: &Layout, record: &Record) -> Result<Self, Error> {
        let mut counted: BTreeSet<Digest> = BTreeSet::new();
        let mut count = |roots: Vec<Digest>| {
            let mut sum = 0;
            for root in roots {
                // An index is read as no manifest: its own bytes count, and those of
                // the platform's manifest come after it.
                let manifest = layout.read_json_blob::<Manifest>(&root).ok();
                let blobs = manifest
                    .iter()
                    .flat_map(|m| m.layers.iter().chain([&m.config]));
                for blob in blobs.map(|b| b.digest).chain([root]) {
                    if counted.insert(blob) {
                        sum += layout.blob_size(&blob).unwrap_or(0);
                    }
                }
            }
            sum
        };
        let images = record.images.iter().flat_map(|i| [i.root, i.manifest]);
        let images = count(images.collect());
        let stages = record.services.iter().flat_map(|s| &s.stages);
        let finished = record.finished.iter().map(|image| image.manifest);
        let stages = count(stages.map(|s| s.manifest).chain(finished).collect());
        let fetched = record.fetched.iter().map(|f| f.manifest.digest);
        let fetched = count(fetched.collect());
        let network = count(record.network.iter().map(|n| n.manifest.digest).collect());
        let mut carried: BTreeMap<String, u64> = BTreeMap::new();
        for one in &record.carried {
            *carried.entry(one.kind.clone()).or_default() += count(vec![one.root.digest]);
        }
        let all: u64 = layout
            .reachable(record.extra_roots())?
            .values()
            .flatten()
            .sum();
        Ok(Self {
            images,
            stages,
            fetched,
            network,
            other: all.saturating_sub(
                images + stages + fetched + network + carried.values().sum::<u64>(),
            ),
            carried,
        })
    }
}
