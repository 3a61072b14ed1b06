//! Packages that no step asks for yet: fetched behind the recording of their service.

use std::collections::{BTreeMap, BTreeSet};

use offline_network::{Hosts, Recorded, Recording};
use serde::Serialize;

use super::plan::{Group, Planned};
use super::session::Attempted;
use super::unrecorded::{concerns, is_lost, words};
use crate::bundle::{ServiceNetwork, StepRequests};
use crate::engine::StepFailure;
use crate::event::Warning;
use crate::network::{PackageStep, WantedPackage, package_steps};
use crate::project::PackageTool;

/// What is fetched behind one step.
pub(super) struct PackageFetch<'a> {
    pub(super) tool: PackageTool,
    pub(super) at: PackageStep,
    /// Those who ask by a port of their own: what was asked for can be told apart.
    pub(super) target: String,
    pub(super) wanted: Vec<&'a WantedPackage>,
}

/// What came of it.
pub(super) struct FetchedPackages<'a> {
    pub(super) fetch: PackageFetch<'a>,
    /// Packages that could not be fetched, and why.
    pub(super) failed: BTreeMap<&'a str, Box<StepFailure>>,
}

/// A package that could not be fetched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct UnfetchedPackage {
    /// Who was to fetch it.
    pub tool: PackageTool,
    /// What the tool was asked for.
    pub package: String,
    /// The services that want it.
    pub services: BTreeSet<String>,
    /// `file:line`, or the flag.
    pub at: String,
    /// Why.
    pub why: String,
}

impl UnfetchedPackage {
    /// What and why in one line.
    pub fn words(&self) -> String {
        let services: Vec<&str> = self.services.iter().map(String::as_str).collect();
        let (tool, package, at) = (self.tool.name(), &self.package, &self.at);
        format!(
            "{tool} {package} of {} ({at}: {})",
            services.join(", "),
            self.why
        )
    }
}

/// No service is called so.
fn target(service: &str, tool: PackageTool, stage: usize) -> String {
    format!("{service} {} {stage}", tool.name())
}

/// Those that may ask for packages, and the services that they stand for.
pub(super) fn targets(
    services: &[Planned<'_>],
    wanted: &[WantedPackage],
) -> BTreeMap<String, String> {
    let of = |service: &Planned<'_>| {
        let tools = PackageTool::ALL.into_iter();
        let tools = tools.filter(|tool| wanted.iter().any(|one| one.tool == *tool));
        let steps: Vec<(PackageTool, usize)> = tools
            .flat_map(|tool| {
                steps(service, tool)
                    .into_iter()
                    .map(move |s| (tool, s.stage))
            })
            .collect();
        let name = service.name.clone();
        steps
            .into_iter()
            .map(move |(tool, stage)| (target(&name, tool, stage), name.clone()))
    };
    services.iter().flat_map(of).collect()
}

fn steps(service: &Planned<'_>, tool: PackageTool) -> Vec<PackageStep> {
    package_steps(&service.build.named_dockerfile, &service.file, tool)
}

/// The hosts of those who stand for services are those of the services.
pub(super) fn with_hosts(
    mut hosts: BTreeMap<String, Hosts>,
    targets: &BTreeMap<String, String>,
) -> BTreeMap<String, Hosts> {
    for (target, service) in targets {
        if let Some(own) = hosts.get(service).cloned() {
            hosts.insert(target.clone(), own);
        }
    }
    hosts
}

/// What is to be fetched for a group: behind one step of each stage that its services
/// reach.
pub(super) fn fetches<'a>(group: &Group<'_>, wanted: &'a [WantedPackage]) -> Vec<PackageFetch<'a>> {
    let Some(first) = group.services.first() else {
        return Vec::new();
    };
    let names = group.names();
    let mut all = Vec::new();
    for tool in PackageTool::ALL {
        let mut known = BTreeSet::new();
        let own = wanted.iter().filter(|one| {
            one.tool == tool
                && names.iter().any(|name| one.services.contains(name))
                && known.insert(&one.package)
        });
        let own: Vec<&WantedPackage> = own.collect();
        if own.is_empty() {
            continue;
        }
        for at in steps(first, tool) {
            if reaching(group, at.stage).is_some() {
                all.push(PackageFetch {
                    tool,
                    at,
                    target: target(&first.name, tool, at.stage),
                    wanted: own.clone(),
                });
            }
        }
    }
    all
}

/// A service of a group that builds a stage.
pub(super) fn reaching<'g, 'a>(group: &'g Group<'a>, stage: usize) -> Option<&'g Planned<'a>> {
    let reaches = |service: &&Planned<'_>| service.build.stage(stage).is_some_and(|s| !s.replaced);
    group.services.iter().find(reaches)
}

/// What a service wants, as the record says it.
pub(super) fn of_service(
    wanted: &[WantedPackage],
    service: &str,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for one in wanted.iter().filter(|one| one.services.contains(service)) {
        let of_tool = all.entry(one.tool.name().to_owned()).or_default();
        of_tool.insert(one.package.clone());
    }
    all
}

/// What came of the packages of all groups.
#[derive(Default)]
pub(super) struct Outcome {
    /// Who asked for them, and for which services.
    asked: BTreeMap<String, BTreeSet<String>>,
    pub(super) unfetched: BTreeSet<UnfetchedPackage>,
}

impl Outcome {
    /// Adds the packages of a group that is recorded to what the record says of its services.
    pub(super) fn add(
        &mut self,
        group: &Group<'_>,
        attempted: &Attempted<'_>,
        recorded: &Recorded,
        services: &mut BTreeMap<String, ServiceNetwork>,
        steps: &mut Vec<StepRequests>,
    ) {
        let names: BTreeSet<String> = group.names().into_iter().collect();
        for one in &attempted.packages {
            let PackageFetch {
                tool,
                at,
                target,
                wanted,
            } = &one.fetch;
            self.asked.insert(target.clone(), names.clone());
            let mut lost = recorded.failures.iter();
            let lost = lost.find(|f| is_lost(f) && concerns(f, target, &recorded.requests));
            for package in wanted {
                let why = match (one.failed.get(package.package.as_str()), lost) {
                    (Some(failure), _) => said(failure),
                    (None, Some(lost)) => words(lost),
                    (None, None) => continue,
                };
                self.unfetched.insert(UnfetchedPackage {
                    tool: *tool,
                    package: package.package.clone(),
                    services: package.services.intersection(&names).cloned().collect(),
                    at: package.place(),
                    why,
                });
            }
            let requests = recorded.requests.iter().filter(|r| r.target == *target);
            let requests: BTreeSet<String> = requests
                .map(|r| format!("{} {}", r.method, r.url))
                .collect();
            let of_stage = |name: &String| reaching(group, at.stage).map(|s| (name.clone(), s));
            for (service, reaching) in names.iter().filter_map(of_stage) {
                let stage = reaching.build.stage(at.stage);
                steps.push(StepRequests {
                    service,
                    stage: stage.map(|s| s.name.clone()).unwrap_or_default(),
                    step: at.step,
                    requests: requests.clone(),
                });
            }
            for (name, network) in services
                .iter_mut()
                .filter(|(name, _)| names.contains(*name))
            {
                let wanted = wanted.iter().filter(|w| w.services.contains(name));
                let of_tool = wanted.map(|w| w.package.clone());
                let all = network.packages.entry(tool.name().to_owned()).or_default();
                all.extend(of_tool);
            }
        }
        self.forget(services);
    }

    /// What could not be fetched in one of several stages is not there.
    fn forget(&self, services: &mut BTreeMap<String, ServiceNetwork>) {
        for (name, network) in services {
            let of_service = self.unfetched.iter().filter(|u| u.services.contains(name));
            for one in of_service {
                if let Some(all) = network.packages.get_mut(one.tool.name()) {
                    all.remove(&one.package);
                }
            }
            network.packages.retain(|_, all| !all.is_empty());
        }
    }

    /// The recording, in which the services themselves asked for their packages. What a
    /// step of their own was given under the same address counts.
    pub(super) fn joined(&self, recording: &Recording) -> Recording {
        let mut own = recording.clone();
        own.exchanges.retain_mut(|exchange| {
            exchange.targets.retain(|target| !target.contains(' '));
            !exchange.targets.is_empty()
        });
        let mut all = recording.clone();
        all.exchanges.retain_mut(|exchange| {
            let services = exchange.targets.iter().filter_map(|t| self.asked.get(t));
            exchange.targets = services.flatten().cloned().collect();
            !exchange.targets.is_empty()
        });
        all.merge(own);
        all
    }
}

/// The most lines of a tool that are repeated.
const MOST_LINES: usize = 2;

/// What a tool said of its failure, in a line; what the builder says where it said nothing.
fn said(failure: &StepFailure) -> String {
    let lines = failure.tail.iter().map(|line| {
        let of_builder = |word: &str| word.chars().all(|c| c.is_ascii_digit() || c == '.');
        match line.trim().split_once(' ') {
            Some((moment, rest)) if of_builder(moment) => rest.trim(),
            None if of_builder(line.trim()) => "",
            _ => line.trim(),
        }
    });
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    let is_error = |line: &&&str| line.starts_with("E: ") || line.to_lowercase().contains("err");
    let errors: Vec<&str> = lines.iter().filter(is_error).copied().collect();
    let chosen: Vec<&str> = if errors.is_empty() {
        lines.last().copied().into_iter().collect()
    } else {
        errors.into_iter().take(MOST_LINES).collect()
    };
    if chosen.is_empty() {
        return failure.message.clone();
    }
    chosen.join("; ")
}

/// What is said of a package that could not be fetched.
pub(super) fn warning(one: &UnfetchedPackage) -> Warning {
    let services: Vec<&str> = one.services.iter().map(String::as_str).collect();
    let (tool, package) = (one.tool.name(), &one.package);
    Warning {
        what: format!(
            "{tool} package {package} could not be fetched for service {}; all else is carried",
            services.join(", ")
        ),
        subject: Some(one.at.clone()),
        why: Some(one.why.clone()),
        remedy: Some(format!(
            "see whether {tool} finds it behind that step of the Dockerfile, under this name and with these versions; then export again. With --strict it ends the export"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_in_the_words_of_the_tool() {
        let of = |tail: &[&str]| {
            said(&StepFailure {
                step: None,
                source: None,
                message: "exit code: 1".into(),
                tail: tail.iter().map(ToString::to_string).collect(),
            })
        };
        for (tail, expected) in [
            (
                &["5.1 Reading", "5.2 E: Unable to locate package x"][..],
                "E: Unable to locate package x",
            ),
            (
                &["npm ERR! code E404", "npm ERR! 404 x", "npm ERR! more"],
                "npm ERR! code E404; npm ERR! 404 x",
            ),
            (&["1.2 x: not found", "1.3 "], "x: not found"),
            (&[], "exit code: 1"),
        ] {
            assert_eq!(of(tail), expected);
        }
    }

    #[test]
    fn what_was_fetched_besides_is_of_the_service_and_its_own_answers_count() {
        let exchange = |url: &str, status, targets: &[&str]| offline_network::Exchange {
            method: "GET".into(),
            url: url.into(),
            varies: BTreeMap::new(),
            request_body: None,
            status,
            headers: Vec::new(),
            body: None,
            targets: targets.iter().map(ToString::to_string).collect(),
        };
        let recording = Recording {
            exchanges: vec![
                exchange("http://a/both", 200, &["web"]),
                exchange("http://a/both", 203, &["web pip 0"]),
                exchange("http://a/new", 200, &["web pip 0", "old pip 0"]),
                exchange("http://a/old", 200, &["old pip 0"]),
            ],
        };
        let outcome = Outcome {
            asked: [("web pip 0".to_owned(), ["web".to_owned()].into())].into(),
            unfetched: BTreeSet::new(),
        };
        let found = outcome.joined(&recording).exchanges;
        let found: Vec<_> = found
            .iter()
            .map(|e| {
                (
                    e.url.as_str(),
                    e.status,
                    e.targets.iter().cloned().collect::<Vec<_>>(),
                )
            })
            .collect();
        let web = || vec!["web".to_owned()];
        assert_eq!(
            found,
            [("http://a/both", 200, web()), ("http://a/new", 200, web())]
        );
    }
}
