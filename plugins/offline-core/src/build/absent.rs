//! What is said of absent secrets, agents and folders before anything is built.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::bundle::{Inventory, Record};
use crate::closure::{AbsentInput, BuildClosure, Closure};
use crate::compatibility::{Engine, misses};
use crate::diagnosis::{ServiceTrace, TraceInputs, Verdict, trace};
use crate::engine::EngineInfo;
use crate::error::Failure;
use crate::event::{Event, Warning};
use crate::layout::Layout;
use crate::network::Known;
use crate::project::Project;

/// What an absent input means for the builds.
pub(super) struct Said {
    /// To be said before anything is built.
    pub(super) events: Vec<Event>,
    /// Per service, what to say of a step that fails.
    pub(super) explanations: BTreeMap<String, String>,
}

/// What foresight is made of.
pub(super) struct Foreseen<'a> {
    pub(super) project: &'a Project,
    pub(super) closure: &'a Closure,
    pub(super) record: &'a Record,
    pub(super) layout: &'a Layout,
    pub(super) inventories: &'a BTreeMap<String, Arc<Inventory>>,
    pub(super) engine: &'a EngineInfo,
}

/// Says of each input that a placeholder stands in for it, and names the steps that
/// will run with one.
pub(super) fn say(absent: &[AbsentInput], known: &Foreseen<'_>) -> Result<Said, Failure> {
    let mut said = Said {
        events: Vec::new(),
        explanations: BTreeMap::new(),
    };
    let services: BTreeSet<&str> = absent.iter().map(|a| a.service.as_str()).collect();
    let mut traces = BTreeMap::new();
    for service in services {
        let recorded = Some(Known::new(known.record));
        traces.insert(service, known.trace(service, recorded)?);
    }
    for input in absent {
        let trace = traces.get(input.service.as_str()).and_then(Option::as_ref);
        let lines = known.running(input, trace);
        let event = match lines.as_slice() {
            [] => Event::Note(unused(input)),
            lines => {
                let words = used(input, lines);
                let explanation = format!(
                    "{} is not on this machine, and a placeholder stood in for it: {}",
                    input.words(),
                    input.remedy()
                );
                said.explanations
                    .entry(input.service.clone())
                    .or_insert(explanation);
                Event::Warning(words)
            }
        };
        said.events.push(event);
    }
    Ok(said)
}

fn unused(input: &AbsentInput) -> String {
    let place = input.location.as_ref();
    let place = place.map_or_else(String::new, |l| format!("{l}: "));
    format!(
        "{place}service {}: {} is not on this machine; a placeholder stands in for it, and no step that is cached depends on it.",
        input.service,
        input.words()
    )
}

fn used(input: &AbsentInput, lines: &[String]) -> Warning {
    Warning {
        what: format!(
            "service {}: the step at {} will run, and is given a placeholder for {}",
            input.service,
            lines.join(", "),
            input.words()
        ),
        subject: input.location.as_ref().map(ToString::to_string),
        why: Some("it is not on this machine; what the step asks for without it may not be recorded, and what it makes may be something else".into()),
        remedy: Some(format!("{}, or undo the edit before the step", input.remedy())),
    }
}

impl Foreseen<'_> {
    fn build(&self, service: &str) -> Option<&BuildClosure> {
        self.closure.service(service)?.build.as_ref()
    }

    /// The places of the steps that mount this and are not found in the cache. Of a
    /// service that the bundle does not know, all run.
    fn running(&self, input: &AbsentInput, trace: Option<&ServiceTrace>) -> Vec<String> {
        let Some(build) = self.build(&input.service) else {
            return Vec::new();
        };
        let runs = |stage: usize, line: u32| {
            let step = trace.and_then(|t| t.step(stage, line));
            step.is_none_or(|step| step.verdict != Verdict::Hit)
        };
        let mounted = input.mounted.iter();
        let running = mounted.filter(|(stage, line)| runs(*stage, *line));
        running
            .map(|(_, line)| build.location(*line).to_string())
            .collect()
    }

    /// What becomes of each step of a service, with what is recorded and can be replayed
    /// here; `None` where the bundle was made without it.
    pub(super) fn trace(
        &self,
        service: &str,
        recorded: Option<Known<'_>>,
    ) -> Result<Option<ServiceTrace>, Failure> {
        let carried = self.record.services.iter().find(|s| s.name == service);
        let (Some(build), Some(carried)) = (self.build(service), carried) else {
            return Ok(None);
        };
        let (from, to) = (self.record.maker(), Engine::from(self.engine));
        let misses = misses(self.closure, &from, &to).into_iter();
        let own: Vec<_> = misses.filter(|m| m.service == service).collect();
        let differences = match (&carried.inventory, self.inventories.get(service)) {
            (Some(digest), Some(now)) => Some(Inventory::load(self.layout, digest)?.compare(now)),
            _ => None,
        };
        let target = self.project.service(service).and_then(|s| s.build.as_ref());
        Ok(Some(trace(&TraceInputs {
            service,
            build,
            network: target.and_then(|t| t.network.as_deref()),
            carried,
            differences: differences.as_deref(),
            other_images: &BTreeSet::new(),
            misses: &own,
            from: &from,
            to: Some(&to),
            known: recorded,
            unrecorded: self.record.unrecorded(service),
        })))
    }
}
