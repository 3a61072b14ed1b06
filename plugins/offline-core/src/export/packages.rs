//! Packages that are fetched besides: what is said of them before and after.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::ExportOptions;
use crate::bundle::NetworkRecord;
use crate::event::Warning;
use crate::network::WantedPackage;

/// A package that the bundle holds although no step asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FetchedPackage {
    /// Who fetched it.
    pub tool: String,
    /// What the tool was asked for.
    pub package: String,
    /// The services for which it did.
    pub services: BTreeSet<String>,
}

/// What will not be fetched, as can be told before anything is done.
pub(super) fn warnings(wanted: &[WantedPackage], options: &ExportOptions) -> Vec<Warning> {
    let mut all: Vec<Warning> = wanted.iter().filter_map(WantedPackage::warning).collect();
    if let Some(first) = wanted.first().filter(|_| !options.record_network) {
        all.push(Warning {
            what: "no packages are fetched besides".into(),
            subject: Some(first.place()),
            why: Some("--no-record leaves out all that builds fetch".into()),
            remedy: Some("export without --no-record".into()),
        });
    }
    all
}

/// What a recording holds of packages.
pub(super) fn fetched(network: &[NetworkRecord]) -> Vec<FetchedPackage> {
    let mut all: BTreeMap<(&String, &String), BTreeSet<String>> = BTreeMap::new();
    for (service, network) in network.iter().flat_map(|n| &n.services) {
        for (tool, packages) in &network.packages {
            for package in packages {
                let services = all.entry((tool, package)).or_default();
                services.insert(service.clone());
            }
        }
    }
    let one = |((tool, package), services): ((&String, &String), _)| FetchedPackage {
        tool: tool.clone(),
        package: package.clone(),
        services,
    };
    all.into_iter().map(one).collect()
}
