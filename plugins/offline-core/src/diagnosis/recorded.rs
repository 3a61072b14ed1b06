//! What a bundle's recordings of the network hold, for people to look at.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use crate::bundle::{self, Located, NetworkContents, NetworkRecord, Record, locate};
use crate::error::Failure;
use crate::layout::Layout;

/// Everything that was recorded, by service and step. Its schema is published as
/// `docs/diagnosis/network.schema.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkList {
    /// The form of this document.
    pub format: u32,
    /// The bundle's project.
    pub project: String,
    /// How many exchanges there are.
    pub requests: u64,
    /// The bytes of their bodies, each counted once.
    pub bytes: u64,
    /// The services that were recorded.
    pub services: Vec<ListedService>,
}

/// What was recorded of one service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedService {
    /// Its name.
    pub name: String,
    /// Its Dockerfile, relative to the project.
    pub dockerfile: Option<String>,
    /// Its steps that ran while they were recorded, in the order of the file.
    pub steps: Vec<ListedStep>,
    /// What was asked for it while no step is known to have run.
    pub other: Vec<ListedRequest>,
}

/// One step and what it asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedStep {
    /// The stage's name.
    pub stage: String,
    /// The line, 1-based.
    pub line: u32,
    /// What it says, where the record has it.
    pub text: Option<String>,
    /// What it asked for, by URL; a request that several steps made stands at each.
    pub requests: Vec<ListedRequest>,
}

/// One exchange.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedRequest {
    /// The URL, without credentials.
    pub url: String,
    /// The method.
    pub method: String,
    /// The status of the answer.
    pub status: u16,
    /// The bytes of its body.
    pub size: u64,
}

/// Lists what the recordings of a bundle hold; `project` is the folder in which a
/// bundle is looked for that is not named. An archive is not unpacked.
pub fn list_network(
    bundle: Option<&Path>,
    cache_dir: Option<&Path>,
    project: &Path,
) -> Result<NetworkList, Failure> {
    let located = locate(bundle, cache_dir, project)?;
    let record = match &located {
        Located::Directory(folder) => Record::read(folder)?,
        Located::Archive(archive) => bundle::read_record(archive)?,
    };
    let mut all = Vec::new();
    for network in &record.network {
        all.push(match &located {
            Located::Directory(folder) => network.read(&Layout::open(folder)?)?,
            Located::Archive(archive) => network.read_packed(archive)?,
        });
    }
    Ok(listed(&record, &all))
}

/// `contents` are those of the record's recordings, in their order.
fn listed(record: &Record, contents: &[NetworkContents]) -> NetworkList {
    let networks = record.network.iter();
    let names: BTreeSet<&String> = networks.flat_map(|n| n.services.keys()).collect();
    let exchanges = || contents.iter().flat_map(|c| &c.recording.exchanges);
    let bodies: BTreeSet<_> = exchanges().filter_map(|e| e.body.as_ref()).collect();
    NetworkList {
        format: 1,
        project: record.project.clone(),
        requests: exchanges().count() as u64,
        bytes: bodies.iter().map(|body| body.size).sum(),
        services: names
            .into_iter()
            .map(|name| service(record, contents, name))
            .collect(),
    }
}

fn service(record: &Record, contents: &[NetworkContents], name: &str) -> ListedService {
    let carried = record.services.iter().find(|s| s.name == name);
    let mut listed = ListedService {
        name: name.to_owned(),
        dockerfile: carried.and_then(|c| c.dockerfile.clone()),
        ..ListedService::default()
    };
    for (network, contents) in record.network.iter().zip(contents) {
        one(record, network, contents, &mut listed);
    }
    listed.steps.sort_by_key(|step| step.line);
    listed.other.sort();
    listed.other.dedup();
    listed
}

/// What one recording has of a service.
fn one(
    record: &Record,
    network: &NetworkRecord,
    contents: &NetworkContents,
    listed: &mut ListedService,
) {
    let name = &listed.name;
    let exchanges = contents.recording.exchanges.iter();
    let exchanges = exchanges.filter(|exchange| exchange.targets.contains(name));
    let mut by_request: BTreeMap<String, BTreeSet<ListedRequest>> = BTreeMap::new();
    for exchange in exchanges {
        let request = ListedRequest {
            url: exchange.url.clone(),
            method: exchange.method.clone(),
            status: exchange.status,
            size: exchange.body.as_ref().map_or(0, |body| body.size),
        };
        let key = format!("{} {}", exchange.method, exchange.url);
        by_request.entry(key).or_default().insert(request);
    }
    // What was added to a bundle was recorded of other sources than it names.
    let is_own = network.added.is_none() || record.adds_to.is_some();
    let carried = record.services.iter().find(|s| s.name == *name);
    let sources = carried.and_then(|c| c.sources.as_ref()).filter(|_| is_own);
    let mut found = BTreeSet::new();
    let stages = network
        .services
        .get(name)
        .into_iter()
        .flat_map(|n| &n.stages);
    for (stage, step) in stages.flat_map(|(s, l)| l.iter().map(move |one| (s, one))) {
        let asked = contents
            .asked
            .iter()
            .filter(|a| a.service == *name && a.stage == *stage && a.step == step.step);
        let keys: BTreeSet<&String> = asked.flat_map(|a| &a.requests).collect();
        let requests = keys.iter().filter_map(|key| by_request.get(*key)).flatten();
        let text = sources
            .and_then(|s| s.stages.get(stage))
            .and_then(|all| all.iter().find(|s| s.line == step.line));
        listed.steps.push(ListedStep {
            stage: stage.clone(),
            line: step.line,
            text: text.map(|s| s.text.clone()),
            requests: requests.cloned().collect(),
        });
        found.extend(keys);
    }
    let other = by_request.iter().filter(|(key, _)| !found.contains(key));
    let other = other.flat_map(|(_, requests)| requests.iter().cloned());
    listed.other.extend(other);
}

#[cfg(test)]
mod tests {
    use offline_network::{Exchange, Recording};

    use super::*;
    use crate::bundle::{
        NetworkStep, ServiceNetwork, ServiceRecord, SourcesRecord, StepRecord, StepRequests,
    };
    use crate::event::Silent;

    fn exchange(url: &str) -> Exchange {
        Exchange {
            method: "GET".into(),
            url: url.into(),
            varies: BTreeMap::new(),
            request_body: None,
            status: 200,
            headers: Vec::new(),
            body: None,
            targets: ["web".to_owned()].into(),
        }
    }

    #[test]
    fn requests_stand_at_their_steps_in_a_folder_and_in_an_archive() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path().join("build-cache")).unwrap();
        layout.write_index(&[]).unwrap();
        let contents = NetworkContents {
            recording: Recording {
                exchanges: vec![exchange("http://a/"), exchange("http://b/")],
            },
            asked: vec![StepRequests {
                service: "web".into(),
                stage: "app".into(),
                step: 1,
                requests: ["GET http://b/".to_owned()].into(),
            }],
        };
        let mut network = contents.write(&layout).unwrap();
        let step = NetworkStep {
            step: 1,
            line: 4,
            ..NetworkStep::default()
        };
        let stages = BTreeMap::from([("app".to_owned(), vec![step])]);
        network.services.insert(
            "web".into(),
            ServiceNetwork {
                stages,
                ..ServiceNetwork::default()
            },
        );
        let sources = StepRecord {
            line: 4,
            text: "RUN get b".into(),
        };
        let mut record = Record {
            project: "shop".into(),
            services: vec![ServiceRecord {
                name: "web".into(),
                sources: Some(SourcesRecord {
                    network: None,
                    stages: BTreeMap::from([("app".to_owned(), vec![sources])]),
                }),
                ..ServiceRecord::default()
            }],
            extra_blobs: vec![network.manifest.clone()],
            network: vec![network],
            ..Record::default()
        };
        record.write(&layout).unwrap();
        let list = list_network(None, None, folder.path()).unwrap();
        assert_eq!(list.requests, 2);
        let web = &list.services[0];
        assert_eq!(web.steps[0].text.as_deref(), Some("RUN get b"));
        assert_eq!(web.steps[0].requests[0].url, "http://b/");
        assert_eq!(web.other[0].url, "http://a/");

        let archive = folder.path().join("x.tar.zst");
        bundle::pack(layout.path(), &archive, &Silent).unwrap();
        assert_eq!(
            list_network(Some(&archive), None, folder.path()).unwrap(),
            list
        );
    }
}
