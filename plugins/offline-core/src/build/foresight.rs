use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::by_classic::ServiceWarning;
use super::fetched::not_held;
use super::recorded::Recorded;
use crate::bundle::{Inventory, Record, ServiceRecord};
use crate::closure::{BuildClosure, Closure, StageBase};
use crate::compatibility::{Engine, major_minor, misses, unread_service_contexts};
use crate::engine::{Disk, KEPT_FREE};
use crate::engine::{EngineInfo, Store};
use crate::error::Failure;
use crate::event::Warning;
use crate::layout::Layout;
use crate::project::Project;
use crate::stages::takes;

/// What is known before the first build starts.
#[derive(Debug, Default)]
pub(super) struct Foresight {
    pub(super) warnings: Vec<Warning>,
    /// What BuildKit will miss, by service: only for services that it builds.
    pub(super) misses: Vec<ServiceWarning>,
    /// Services that cannot be built here, with the reason.
    pub(super) refused: BTreeMap<String, String>,
    /// Per service, what to say when a step fails that was cached at export.
    pub(super) explanations: BTreeMap<String, String>,
    /// Services whose network was recorded and is replayed where a step needs it.
    recorded: BTreeSet<String>,
    /// The steps that asked past the proxy when they were recorded, by service and line.
    past: BTreeSet<(String, u32)>,
    /// Services whose network was recorded for nothing: why, and what to do.
    idle: BTreeMap<String, (String, String)>,
}

/// Compares bundle, engine and sources.
pub(super) fn foresee(
    project: &Project,
    closure: &Closure,
    record: &Record,
    layout: &Layout,
    inventories: &BTreeMap<String, Arc<Inventory>>,
    engine: &EngineInfo,
    recorded: &Recorded<'_>,
) -> Result<Foresight, Failure> {
    let mut foresight = Foresight {
        recorded: recorded.replayed(closure),
        past: recorded.past(closure),
        idle: recorded.idle(closure, record),
        ..Foresight::default()
    };
    foresight.full_disk(engine);
    foresight.engine_misses(closure, record, engine);
    foresight.old_compose(project, closure, engine);
    foresight.refused.extend(closure.unbuildable());
    foresight.refused.extend(not_held(closure, record));
    for service in &closure.services {
        let Some(build) = &service.build else {
            continue;
        };
        match record.services.iter().find(|s| s.name == service.name) {
            Some(carried) => {
                if let Some(now) = inventories.get(&service.name) {
                    foresight.edits(&service.name, build, carried, layout, now)?;
                }
            }
            None if foresight.refused.contains_key(&service.name) => {}
            None => foresight.warnings.push(Warning {
                what: format!(
                    "service {} is not in the bundle: all its steps will run",
                    service.name
                ),
                subject: Some(build.dockerfile_path.display().to_string()),
                why: Some("it was added, or hidden by a profile, when the bundle was made".into()),
                remedy: Some("export again with this service".into()),
            }),
        }
    }
    foresight.siblings(closure, engine);
    foresight.spread(closure);
    Ok(foresight)
}

impl Foresight {
    /// BuildKit's garbage collection drops what was warmed when less than about a
    /// fifth of the engine's disk is free (engine fact 20).
    fn full_disk(&mut self, engine: &EngineInfo) {
        let Some(disk) = Disk::of_existing(&engine.root) else {
            return;
        };
        if disk.percent_free() >= KEPT_FREE {
            return;
        }
        self.warnings.push(Warning {
            what: format!(
                "only {} % of the engine's disk is free: BuildKit may drop the cache between two builds",
                disk.percent_free()
            ),
            subject: Some(engine.root.display().to_string()),
            why: Some(format!("it collects garbage below about {KEPT_FREE} % by default")),
            remedy: Some("free space on it (docker image prune, docker system df); when steps run again that were cached, docker offline build warms them anew".into()),
        });
    }

    /// Adds what to say when a step fails, before what is known already.
    pub(super) fn explain(&mut self, more: BTreeMap<String, String>) {
        for (service, words) in more {
            let held = self.explanations.remove(&service);
            let words = held.map_or_else(|| words.clone(), |held| format!("{words}; {held}"));
            self.explanations.insert(service, words);
        }
    }

    /// Whether the network of a service is replayed here.
    pub(super) fn replays(&self, service: &str) -> bool {
        self.recorded.contains(service)
    }

    /// Whether a step that was recorded is answered, and did not ask past the proxy.
    fn answers(&self, service: &str, line: u32) -> bool {
        !self.past.contains(&(service.to_owned(), line))
    }

    fn engine_misses(&mut self, closure: &Closure, record: &Record, engine: &EngineInfo) {
        let (from, to) = (record.maker(), Engine::from(engine));
        for miss in misses(closure, &from, &to) {
            let Some(build) = closure
                .service(&miss.service)
                .and_then(|s| s.build.as_ref())
            else {
                continue;
            };
            let subject = build.location(miss.line).to_string();
            let why = miss.reason.words(&from, &to);
            let line = miss.network.as_ref().map(|(line, _)| *line);
            let recorded = line.is_none_or(|line| self.answers(&miss.service, line))
                && self.recorded.contains(&miss.service);
            let what = if let Some((line, tool)) = miss.network.as_ref().filter(|_| recorded) {
                format!(
                    "service {}: {tool} at {} will run again here, and is answered from the recorded network",
                    miss.service,
                    build.location(*line)
                )
            } else if let Some((line, tool)) = miss.network {
                let reason = format!(
                    "{tool} at {} would run again, without a network",
                    build.location(line)
                );
                self.refused
                    .entry(miss.service.clone())
                    .or_insert_with(|| reason.clone());
                format!("service {} cannot be built here: {reason}", miss.service)
            } else if miss.reruns.is_empty() {
                continue;
            } else {
                let lines: Vec<String> = miss
                    .reruns
                    .iter()
                    .map(|(line, _)| (line + build.line_offset).to_string())
                    .collect();
                format!(
                    "service {}: RUN at line {} will run again here",
                    miss.service,
                    lines.join(", ")
                )
            };
            let warning = Warning {
                what,
                subject: Some(subject),
                why: Some(why),
                remedy: (!recorded).then(|| miss.reason.remedy(&from, &to)),
            };
            self.misses.push((miss.service.clone(), warning));
        }
    }

    /// Compose before 2.33 takes `service:base` for a folder.
    fn old_compose(&mut self, project: &Project, closure: &Closure, engine: &EngineInfo) {
        let Some(compose) = &engine.compose else {
            return;
        };
        for service in unread_service_contexts(project, closure, compose) {
            let (major, minor) = major_minor(compose).unwrap_or_default();
            let reason =
                format!("Compose {major}.{minor} cannot read service: in additional_contexts");
            let warning = Warning {
                what: format!("service {} cannot be built here: {reason}", service.name),
                subject: service.location.as_ref().map(ToString::to_string),
                why: Some("that came with Compose 2.33".into()),
                remedy: Some("install a newer Compose plugin on this machine".into()),
            };
            self.misses.push((service.name.clone(), warning));
            self.refused.insert(service.name.clone(), reason);
        }
    }

    /// Which files differ from the export, and which network steps that makes run.
    fn edits(
        &mut self,
        service: &str,
        build: &BuildClosure,
        carried: &ServiceRecord,
        layout: &Layout,
        now: &Inventory,
    ) -> Result<(), Failure> {
        let Some(digest) = &carried.inventory else {
            return Ok(());
        };
        let then = Inventory::load(layout, digest)?;
        let differences = then.compare(now);
        if differences.is_empty() {
            return Ok(());
        }
        let named: Vec<String> = differences
            .iter()
            .take(5)
            .map(|d| format!("{} ({})", d.path, d.what.words()))
            .collect();
        let more = differences.len().saturating_sub(named.len());
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let files = format!("{}{more}", named.join(", "));
        let explanation = match self.idle.get(service) {
            None => format!(
                "these files of {service} differ from the export: {files}; if the failed step needs a network, undo them, or export again with them"
            ),
            Some((why, remedy)) => format!(
                "these files of {service} differ from the export: {files}; if the failed step needs a network, {why}; {remedy}"
            ),
        };
        self.explanations.insert(service.to_owned(), explanation);
        let paths: Vec<&str> = differences.iter().map(|d| d.path.as_str()).collect();
        for stage in &build.stages {
            let Some(copy) = stage
                .copies
                .iter()
                .find(|c| c.sources.iter().any(|s| paths.iter().any(|p| takes(s, p))))
            else {
                continue;
            };
            let lost = stage
                .runs
                .iter()
                .filter(|r| r.line > copy.line && r.network_tool.is_some())
                .find(|r| !self.recorded.contains(service) || !self.answers(service, r.line));
            if let Some(run) = lost {
                let idle = self.idle.get(service);
                let unused = idle.map_or(String::new(), |(why, _)| format!("; {why}"));
                let remedy = idle.map_or("undo these edits, or export again with them", |i| &i.1);
                self.warnings.push(Warning {
                    what: format!(
                        "service {service}: {} at line {} will run again, and there is no network",
                        run.network_tool.unwrap_or("a step"),
                        run.line + build.line_offset
                    ),
                    subject: Some(build.location(copy.line).to_string()),
                    why: Some(format!(
                        "this COPY takes files that differ from the export: {files}{unused}"
                    )),
                    remedy: Some(remedy.into()),
                });
            }
        }
        Ok(())
    }

    /// A containerd store knows a sibling's image by a manifest that no export
    /// can know. The first builds hit by its chain of layers; a build that fails
    /// right after such a FROM makes them forget it.
    fn siblings(&mut self, closure: &Closure, engine: &EngineInfo) {
        if engine.store != Store::Containerd {
            return;
        }
        for service in &closure.services {
            let Some(build) = &service.build else {
                continue;
            };
            for stage in &build.stages {
                let StageBase::SiblingService(base) = &stage.base else {
                    continue;
                };
                let Some(run) = stage.runs.iter().find(|r| r.network_tool.is_some()) else {
                    continue;
                };
                if self.recorded.contains(&service.name) {
                    continue;
                }
                let warning = Warning {
                    what: format!(
                        "service {}: after an edit between line {} and line {}, undoing it does not bring the cached {} step back to plain docker compose build",
                        service.name,
                        stage.line + build.line_offset,
                        run.line + build.line_offset,
                        run.network_tool.unwrap_or("network"),
                    ),
                    subject: Some(build.location(stage.line).to_string()),
                    why: Some(format!(
                        "it starts from the image of service {base}, which this engine's containerd store knows by a manifest of its own"
                    )),
                    remedy: Some(format!(
                        "take {base} as a build context (additional_contexts: service:{base}), or run docker offline build when it happened"
                    )),
                };
                self.misses.push((service.name.clone(), warning));
            }
        }
    }

    /// A service built upon one that cannot be built cannot be built either.
    fn spread(&mut self, closure: &Closure) {
        loop {
            let mut found: Vec<(String, String)> = Vec::new();
            for service in &closure.services {
                let stages = service.build.iter().flat_map(|b| &b.stages);
                let siblings: BTreeSet<&String> =
                    stages.flat_map(|s| &s.sibling_services).collect();
                let base = siblings.into_iter().find(|s| self.refused.contains_key(*s));
                if let Some(base) = base
                    && !self.refused.contains_key(&service.name)
                {
                    found.push((service.name.clone(), format!("it is built upon {base}")));
                }
            }
            if found.is_empty() {
                return;
            }
            self.refused.extend(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_takes_what_lies_below_its_source() {
        for (source, path, expected) in [
            (".", "a/b", true),
            ("a", "a/b", true),
            ("./a/", "a/b", true),
            ("a", "ab", false),
            ("a.txt", "a.txt", true),
            ("*.txt", "x", true),
        ] {
            assert_eq!(takes(source, path), expected, "{source} {path}");
        }
    }
}
