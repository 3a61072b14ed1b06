//! Services that are built upon each other in a circle.

use std::collections::{BTreeMap, BTreeSet};

use super::{Error, ServiceClosure};

/// Fails on the first circle of services, with the way round it.
pub(super) fn check(services: &[ServiceClosure]) -> Result<(), Error> {
    let uses: BTreeMap<&str, BTreeSet<&str>> = services
        .iter()
        .map(|service| (service.name.as_str(), siblings(service)))
        .collect();
    let mut finished = BTreeSet::new();
    for service in services {
        let mut path = Vec::new();
        if let Some(cycle) = visit(&service.name, &uses, &mut path, &mut finished) {
            let build = services
                .iter()
                .find(|s| s.name == cycle[0])
                .and_then(|s| s.build.as_ref());
            let location = build.map_or_else(
                || crate::project::Location::new("compose.yaml", None),
                |b| b.location(b.stages.first().map_or(1, |s| s.line)),
            );
            return Err(Error::Cycle {
                path: cycle.iter().map(|name| format!("service {name}")).collect(),
                location,
            });
        }
    }
    Ok(())
}

fn siblings(service: &ServiceClosure) -> BTreeSet<&str> {
    service
        .build
        .iter()
        .flat_map(|build| &build.stages)
        .flat_map(|stage| &stage.sibling_services)
        .map(String::as_str)
        .collect()
}

fn visit<'a>(
    name: &'a str,
    uses: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    path: &mut Vec<&'a str>,
    finished: &mut BTreeSet<&'a str>,
) -> Option<Vec<&'a str>> {
    if let Some(start) = path.iter().position(|n| *n == name) {
        let mut cycle = path[start..].to_vec();
        cycle.push(name);
        return Some(cycle);
    }
    if finished.contains(name) {
        return None;
    }
    path.push(name);
    for next in uses.get(name).into_iter().flatten() {
        if let Some(cycle) = visit(next, uses, path, finished) {
            return Some(cycle);
        }
    }
    path.pop();
    finished.insert(name);
    None
}
