//! Which step made which request: the one that ran while it was made.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use offline_network::{Outcome, Request};

use super::builds::Ran;
use super::plan::{Planned, PlannedStep};
use crate::bundle::{NetworkStep, ServiceNetwork, StepRequests};
use crate::stages::StepKeys;

/// What the steps of a group asked for, by the stage's name in lower case and by the
/// number of steps after it.
pub(super) type Asked = BTreeMap<(String, u32), Tally>;

/// What one step asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    requests: u64,
    bytes: u64,
    /// Methods and URLs.
    asked: BTreeSet<String>,
}

/// Counts the requests of each step that ran.
///
/// A request belongs to every step of its service that ran when it was made; times
/// of the engine and of this process may differ a little, so that one between two
/// steps belongs to the nearer. A step that has no use for a network takes none, as long as
/// there are others.
pub(super) fn asked(requests: &[&Request], ran: &[Ran], services: &[Planned<'_>]) -> Asked {
    let steps = services.iter().flat_map(Planned::steps);
    let may_ask = steps.map(|step| place(&step)).collect();
    among(requests, ran, &may_ask)
}

fn among(requests: &[&Request], ran: &[Ran], may_ask: &BTreeSet<(String, u32)>) -> Asked {
    let mut asked: Asked = ran.iter().map(|r| (key(r), Tally::default())).collect();
    let asking: Vec<&Ran> = ran.iter().filter(|r| may_ask.contains(&key(r))).collect();
    let asking = if asking.is_empty() {
        ran.iter().collect()
    } else {
        asking
    };
    for request in requests.iter().filter(|r| r.outcome != Outcome::Refused) {
        let nearest = asking.iter().map(|r| distance(r, request.started)).min();
        let Some(nearest) = nearest else { continue };
        let by = asking
            .iter()
            .filter(|r| distance(r, request.started) == nearest);
        let keys: BTreeSet<_> = by.map(|r| key(r)).collect();
        for key in keys {
            let tally = asked.entry(key).or_default();
            tally.requests += 1;
            tally.bytes += request.bytes;
            let what = format!("{} {}", request.method, request.url);
            tally.asked.insert(what);
        }
    }
    asked
}

/// By what [`Ran`] is known, of a step that is planned.
fn place(step: &PlannedStep) -> (String, u32) {
    (step.stage_name.to_lowercase(), step.from_end)
}

/// The line of the step that ran when something was asked for.
pub(super) fn line_of(moment: SystemTime, service: &Planned<'_>, ran: &[Ran]) -> Option<u32> {
    let steps = service.steps();
    let of = |ran: &Ran| steps.iter().find(|step| place(step) == key(ran));
    let asking = ran.iter().filter_map(|r| Some((r, of(r)?)));
    let nearest = asking.min_by_key(|(r, _)| distance(r, moment))?;
    Some(nearest.1.line)
}

fn key(ran: &Ran) -> (String, u32) {
    (ran.stage.clone(), ran.from_end)
}

/// How far a moment is from a step; nothing while it ran.
fn distance(ran: &Ran, moment: SystemTime) -> Duration {
    let before = ran.started.duration_since(moment).unwrap_or_default();
    let after = moment.duration_since(ran.ended).unwrap_or_default();
    before.max(after)
}

/// The lines of the steps of a service that ran and asked for nothing, although their
/// text names a program that is there to ask.
pub(super) fn silent(service: &Planned<'_>, asked: &Asked) -> BTreeMap<u32, &'static str> {
    let steps = service.steps().into_iter();
    let silent = |step: &PlannedStep| {
        let tally = asked.get(&place(step));
        tally.is_some_and(|tally| tally.requests == 0)
    };
    steps
        .filter(silent)
        .filter_map(|step| Some((step.line, step.asks?)))
        .collect()
}

/// What the record says of a service, and which of its steps asked for what.
pub(super) fn service_network(
    service: &Planned<'_>,
    asked: &Asked,
    keys: &StepKeys,
    past: &BTreeMap<u32, &'static str>,
) -> (ServiceNetwork, Vec<StepRequests>) {
    let mut network = ServiceNetwork::default();
    let mut requests = Vec::new();
    for step in service.steps() {
        // What did not run was cached although it was to run afresh: it is not known.
        let Some(tally) = asked.get(&place(&step)) else {
            continue;
        };
        if !tally.asked.is_empty() {
            requests.push(StepRequests {
                service: service.name.clone(),
                stage: step.stage_name.clone(),
                step: step.step,
                requests: tally.asked.clone(),
            });
        }
        let own = keys
            .get(&step.stage)
            .and_then(|keys| keys.get(step.step + 1));
        network
            .stages
            .entry(step.stage_name)
            .or_default()
            .push(NetworkStep {
                step: step.step,
                line: step.line,
                key: own.copied(),
                requests: tally.requests,
                bytes: tally.bytes,
                past: past.contains_key(&step.line),
            });
    }
    (network, requests)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn ran(stage: &str, from_end: u32, started: u64, ended: u64) -> Ran {
        Ran {
            stage: stage.into(),
            from_end,
            started: at(started),
            ended: at(ended),
        }
    }

    #[test]
    fn a_request_belongs_to_what_ran_or_to_what_is_nearest() {
        let all = [
            ran("a", 1, 10, 20),
            ran("a", 0, 30, 40),
            ran("b", 0, 15, 35),
            ran("c", 0, 90, 99),
        ];
        let request = |seconds, outcome| Request {
            target: "web".into(),
            method: "GET".into(),
            url: "http://x/".into(),
            status: 200,
            outcome,
            started: at(seconds),
            ended: None,
            bytes: 7,
        };
        let requests = [
            request(12, Outcome::Recorded),
            request(16, Outcome::Recorded),
            request(42, Outcome::Recorded),
            request(32, Outcome::Refused),
        ];
        let requests: Vec<&Request> = requests.iter().collect();
        let may_ask = all.iter().map(key).collect();
        let found = among(&requests, &all, &may_ask);
        let of = |stage: &str, from_end| {
            let tally = &found[&(stage.to_owned(), from_end)];
            (tally.requests, tally.bytes)
        };
        assert_eq!(of("a", 1), (2, 14));
        assert_eq!(of("b", 0), (1, 7));
        assert_eq!(of("a", 0), (1, 7));
        assert_eq!(of("c", 0), (0, 0));

        // Nearer to a step that asks for nothing, whatever the clocks say.
        let may_ask = BTreeSet::from([("a".to_owned(), 1)]);
        let found = among(&requests, &all, &may_ask);
        assert_eq!(found[&("a".to_owned(), 1)].requests, 3);
        assert_eq!(found[&("a".to_owned(), 0)].requests, 0);
    }
}
