use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Replayer;
use crate::bundle::NetworkRecord;
use crate::closure::StageRef;
use crate::layout::Digest;
use crate::network::RewriteFrom;
use crate::stages::StepKeys;

/// The file in the bundle folder; it is not carried.
const FILE: &str = ".replayed";

/// The largest file that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// The most addresses that are kept for a service.
const MOST: usize = 1000;

/// Steps that had the recorded network, by what they depend on.
///
/// A build of the same sources need not try them without it once more: it would be
/// stopped again, and a step that comes to an end although it reached nothing
/// (`curl ... || true`) would leave its poor result in the ordinary cache and be
/// taken from there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Memory {
    steps: BTreeSet<Remembered>,
    /// What services were built without, as it was not recorded: methods and URLs.
    without: BTreeMap<String, BTreeSet<String>>,
    /// Services with a step that writes its environment down, and does not say so.
    writers: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Remembered {
    service: String,
    stage: usize,
    step: usize,
    key: Digest,
}

impl Replayer<'_> {
    fn memory_file(&self) -> PathBuf {
        self.layout.path().join(FILE)
    }

    fn memory(&self) -> Memory {
        let path = self.memory_file();
        let small = std::fs::metadata(&path).is_ok_and(|m| m.len() <= LARGEST);
        let bytes = small.then(|| std::fs::read(&path).ok()).flatten();
        bytes
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// The steps of a service that had the recorded network in an earlier build of the
    /// same sources, unless a newer bundle carries them.
    pub(super) fn remembered(&self, service: &str, keys: &StepKeys) -> Vec<RewriteFrom> {
        let known = self.memory().steps.into_iter().filter(|one| {
            one.service == service
                && key(keys, service, one.stage, one.step) == Some(one.key)
                && !self.carries(service, one.key)
        });
        known
            .map(|one| RewriteFrom {
                stage: one.stage,
                step: one.step,
            })
            .collect()
    }

    /// What makes the keys of a service's rewritten steps others than they were: a step
    /// that had done without what has been added to the bundle since must not come
    /// from the cache as it was; nor one that is to say what it lacks.
    pub(super) fn mark(&self, service: &str) -> Option<String> {
        let without = self.memory().without.remove(service)?;
        if self.wanted.is_some() {
            let now = format!("{:?}", std::time::SystemTime::now());
            return Some(Digest::of(now.as_bytes()).hex()[..8].to_owned());
        }
        let added = self.record.network.iter().filter(|n| n.added.is_some());
        let brings = |network: &&NetworkRecord| {
            let contents = network.read(self.layout);
            contents.is_ok_and(|contents| {
                let mut exchanges = contents.recording.exchanges.iter();
                exchanges.any(|e| without.contains(&format!("{} {}", e.method, e.url)))
            })
        };
        let brought = added.filter(brings).map(|n| n.manifest.digest.to_string());
        let brought: Vec<String> = brought.collect();
        let digest = Digest::of(brought.join(" ").as_bytes()).hex();
        (!brought.is_empty()).then(|| digest[..8].to_owned())
    }

    /// Whether all rewritten steps of a service are cleaned up after.
    pub(in crate::build) fn cleans_every_step(&self, service: &str) -> bool {
        self.state().every_step.contains(service)
    }

    /// What an earlier build found is not tried once more.
    pub(super) fn recalls_writers(&self) {
        let writers = self.memory().writers;
        self.state().every_step.extend(writers);
    }

    fn carries(&self, service: &str, key: Digest) -> bool {
        let record = self.record.services.iter().find(|s| s.name == service);
        record.is_some_and(|r| r.steps.values().flatten().any(|k| *k == key))
    }

    /// Remembers what was rewritten for this build. That this may fail is nobody's
    /// concern: the next build then tries without once more.
    pub(in crate::build) fn remember(&self) {
        let keys = &self.keys;
        let mut memory = self.memory();
        let before = memory.clone();
        for missed in self.missed() {
            let without = memory.without.entry(missed.target).or_default();
            if without.len() < MOST {
                without.insert(format!("{} {}", missed.method, missed.url));
            }
        }
        memory
            .writers
            .extend(self.state().every_step.iter().cloned());
        for (service, from) in &self.state().from {
            let service = service.as_str();
            for at in from {
                if let Some(key) = key(keys, service, at.stage, at.step) {
                    memory.steps.insert(Remembered {
                        service: service.to_owned(),
                        stage: at.stage,
                        step: at.step,
                        key,
                    });
                }
            }
        }
        if memory != before
            && let Ok(bytes) = serde_json::to_vec(&memory)
            && bytes.len() as u64 <= LARGEST
        {
            let _ = crate::layout::replace_file(&self.memory_file(), &bytes);
        }
    }
}

/// What an instruction depends on; the first key of a stage is that of its FROM.
fn key(keys: &StepKeys, service: &str, stage: usize, step: usize) -> Option<Digest> {
    let stage = StageRef {
        service: service.to_owned(),
        stage,
    };
    keys.get(&stage)?.get(step + 1).copied()
}
