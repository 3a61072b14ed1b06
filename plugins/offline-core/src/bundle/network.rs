//! What a bundle says of the requests that its builds made.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use offline_network::Recording;
use serde::{Deserialize, Serialize};

use super::Error;
use super::archive_reader::read_blob;
use crate::layout::{self, DOCUMENT_LIMIT, Descriptor, Digest, Layout, artifact_layers};

/// The type of the artifact that holds a recording.
pub const NETWORK_ARTIFACT: &str = "application/vnd.docker-offline.network.v1+json";

/// The media type of the list of exchanges in the artifact.
pub const EXCHANGES: &str = "application/vnd.docker-offline.exchanges.v1+json";

/// The media type of the list of who asked for what.
pub const ASKED: &str = "application/vnd.docker-offline.asked.v1+json";

/// The media type of a response's body, which is stored as it was received.
pub const NETWORK_BODY: &str = "application/octet-stream";

/// Reads a blob of at most so many bytes, and verifies it.
type BlobReader<'a> = dyn Fn(&Digest, u64) -> Result<Vec<u8>, Error> + 'a;

/// One recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkRecord {
    /// The artifact's manifest; one of the record's extra roots too.
    pub manifest: Descriptor,
    /// How many exchanges it holds.
    #[serde(default)]
    pub requests: u64,
    /// The bytes of its bodies, those that several exchanges share counted once.
    #[serde(default)]
    pub bytes: u64,
    /// When it was fetched for a request file, of sources that are not those of the
    /// export; `None` for what the export itself recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<String>,
    /// The services whose builds were recorded, also those that asked for nothing.
    #[serde(default)]
    pub services: BTreeMap<String, ServiceNetwork>,
}

/// What was recorded of one service's build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceNetwork {
    /// The RUN steps that ran while they were recorded, by the stage's name, in
    /// their order. Steps before them surely use no network.
    pub stages: BTreeMap<String, Vec<NetworkStep>>,
    /// Packages that were fetched besides, by the name of the tool.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub packages: BTreeMap<String, BTreeSet<String>>,
}

/// A RUN step that ran while it was recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NetworkStep {
    /// The number of the instruction in its stage, from 0, the FROM not counted.
    pub step: usize,
    /// Its line, 1-based, in the Dockerfile.
    pub line: u32,
    /// What it depended on: the same as `steps` of the service's record has for it.
    pub key: Option<Digest>,
    /// How many requests were made while it ran; 0 says that it needs no network, but
    /// where `past` is set.
    pub requests: u64,
    /// The bytes of the answers.
    pub bytes: u64,
    /// Whether it asks past the proxy: it made no request there, and fails without any
    /// network.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub past: bool,
}

/// The largest list of exchanges that is read, in bytes.
const LARGEST_LIST: u64 = 512 << 20;

/// Who asked: the requests of one step.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StepRequests {
    /// The service.
    pub service: String,
    /// The stage's name.
    pub stage: String,
    /// As in [`NetworkStep::step`].
    pub step: usize,
    /// What it asked for, each once: the method, a space, and the URL as it is in the
    /// list of exchanges.
    pub requests: BTreeSet<String>,
}

/// A recording with who asked for what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkContents {
    /// The exchanges.
    pub recording: Recording,
    /// Who asked, by service, stage and step.
    pub asked: Vec<StepRequests>,
}

impl NetworkContents {
    /// Writes the artifact of a recording whose bodies the layout holds, and gives what
    /// the record says of it; which steps made requests is for the caller to add.
    pub fn write(&self, layout: &Layout) -> Result<NetworkRecord, Error> {
        let bodies = self.recording.bodies();
        let list = self.recording.to_json().map_err(Error::Recording)?;
        let mut asked = self.asked.clone();
        asked.sort();
        let asked = serde_json::to_vec(&asked).map_err(|source| layout::Error::Malformed {
            what: ASKED.into(),
            source,
        })?;
        let mut layers = Vec::new();
        for (kind, bytes) in [(EXCHANGES, &list), (ASKED, &asked)] {
            let written = layout.write_blob(bytes)?;
            layers.push(Descriptor::new(kind, written.digest, written.size));
        }
        for body in &bodies {
            let digest = body.digest.to_string().parse()?;
            layers.push(Descriptor::new(NETWORK_BODY, digest, body.size));
        }
        Ok(NetworkRecord {
            manifest: layout.write_artifact(NETWORK_ARTIFACT, layers)?,
            requests: self.recording.exchanges.len() as u64,
            bytes: bodies.iter().map(|body| body.size).sum(),
            added: None,
            services: BTreeMap::new(),
        })
    }

    /// Adds a newer recording.
    pub fn merge(&mut self, newer: Self) {
        self.recording.merge(newer.recording);
        self.asked.extend(newer.asked);
    }

    /// Forgets all but what was recorded for these services.
    pub fn keep_only(&mut self, services: &[String]) {
        self.recording.exchanges.retain_mut(|exchange| {
            exchange.targets.retain(|target| services.contains(target));
            !exchange.targets.is_empty()
        });
        self.asked.retain(|step| services.contains(&step.service));
    }
}

impl NetworkRecord {
    /// Reads what was recorded; it is checked and bounded, the bodies that it names are
    /// not looked at.
    pub fn read(&self, layout: &Layout) -> Result<NetworkContents, Error> {
        self.read_by(&|digest, limit| Ok(layout.read_large_blob(digest, limit)?))
    }

    /// The same from an archive that is not unpacked.
    pub fn read_packed(&self, archive: &Path) -> Result<NetworkContents, Error> {
        self.read_by(&|digest, limit| read_blob(archive, digest, limit))
    }

    fn read_by(&self, blob: &BlobReader<'_>) -> Result<NetworkContents, Error> {
        let digest = &self.manifest.digest;
        let manifest = blob(digest, DOCUMENT_LIMIT)?;
        let layers = artifact_layers(digest, NETWORK_ARTIFACT, &manifest)?;
        let of_kind = |kind: &str| layers.iter().find(|layer| layer.media_type == kind);
        let recording = match of_kind(EXCHANGES) {
            Some(list) => {
                let bytes = blob(&list.digest, LARGEST_LIST)?;
                Recording::from_json(&bytes).map_err(Error::Recording)?
            }
            None => Recording::default(),
        };
        let asked = match of_kind(ASKED) {
            Some(list) => {
                let bytes = blob(&list.digest, LARGEST_LIST)?;
                serde_json::from_slice(&bytes).map_err(|source| layout::Error::Malformed {
                    what: ASKED.into(),
                    source,
                })?
            }
            None => Vec::new(),
        };
        Ok(NetworkContents { recording, asked })
    }

    /// The steps of a stage.
    pub fn steps(&self, service: &str, stage: &str) -> &[NetworkStep] {
        self.services
            .get(service)
            .and_then(|s| s.stages.get(stage))
            .map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{self, Record};
    use crate::event::Silent;

    #[test]
    fn a_recording_is_packed_unpacked_verified_and_kept_with_its_bundle() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path().join("bundle")).unwrap();
        layout.write_index(&[]).unwrap();
        // Bodies sort before and after the manifest that names them.
        let bodies = (0..20).map(|n| layout.write_blob(format!("body {n}").as_bytes()).unwrap());
        let bodies = bodies.map(|b| Descriptor::new("application/octet-stream", b.digest, b.size));
        let bodies: Vec<Descriptor> = bodies.collect();
        let last = bodies[19].digest;
        let manifest = layout.write_artifact(NETWORK_ARTIFACT, bodies).unwrap();
        let mut record = Record {
            extra_blobs: vec![manifest.clone()],
            network: vec![NetworkRecord {
                manifest,
                requests: 20,
                bytes: 130,
                added: None,
                services: BTreeMap::new(),
            }],
            ..Record::default()
        };
        record.write(&layout).unwrap();
        let archive = folder.path().join("bundle.tar.zst");
        bundle::pack(layout.path(), &archive, &Silent).unwrap();

        let site = folder.path().join("site");
        bundle::unpack(&archive, &site, &Silent).unwrap();
        assert_eq!(Record::read(&site).unwrap(), record);
        assert!(bundle::verify_bundle(&site, 2, &|_| ()).unwrap().is_empty());
        let there = Layout::open(&site).unwrap();
        assert!(there.has_blob(&last, Some(7)));
        std::fs::write(there.blob_path(&last), "bodY 19").unwrap();
        std::fs::remove_file(site.join(".verified")).unwrap();
        let damaged = bundle::verify_bundle(&site, 2, &|_| ()).unwrap();
        assert_eq!(damaged.len(), 1, "{damaged:?}");
        assert!(there.read_blob(&last).is_err());
    }
}
