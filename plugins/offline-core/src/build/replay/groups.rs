use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::places::Place;
use super::quiet::Quiet;
use super::replayer::Ran;
use super::silence::Heard;
use super::{Error, Replayer};
use crate::build::dropped::dropped_because;
use crate::build::failed::Stopped;
use crate::diagnosis::read_log;
use crate::engine::{BakeFile, BuildLog, Change, Step, StepFailure, Watch};
use crate::error::Failure;
use crate::event::{Event, Warning};
use crate::stages::{Dockerfiles, Through};

/// Makes the bake file for some services, as far as they are rewritten by now, and
/// gives the service that each target belongs to.
pub(in crate::build) type Make<'a> = &'a (
        dyn Fn(
    &BTreeMap<String, Through>,
    &BTreeSet<String>,
) -> (BakeFile, BTreeMap<String, String>)
            + Sync
    );

/// Takes the log of a run that went to its end, with the services of its targets.
pub(in crate::build) type Take<'a> =
    &'a (dyn Fn(&BuildLog, &BTreeMap<String, String>) -> Result<(), Stopped> + Sync);

/// One build that may have to begin again.
#[derive(Clone, Copy)]
pub(in crate::build) struct Rounds<'a> {
    pub(in crate::build) dockerfiles: &'a Dockerfiles,
    pub(in crate::build) make: Make<'a>,
    pub(in crate::build) take: Take<'a>,
}

/// A network step that begins to run.
enum Starts {
    /// It has to go through the proxy.
    Recorded(Place),
    /// It would go past it.
    Unanswered(Place),
}

impl Replayer<'_> {
    /// Builds some services, at first all in one run, and those that have to be
    /// replayed each in its own: nobody's build ends for another's sake twice. Gives
    /// every failure: one whose own build fails does not end the others.
    pub(in crate::build) fn build(
        &self,
        rounds: Rounds<'_>,
        services: &BTreeSet<String>,
    ) -> Result<(), Vec<Stopped>> {
        let stop = AtomicBool::new(false);
        let first = self.once(rounds, services, &stop);
        let Some(()) = first.map_err(|stopped| vec![stopped])? else {
            return Ok(());
        };
        let failures: Mutex<Vec<Stopped>> = Mutex::default();
        std::thread::scope(|scope| {
            for service in services {
                let (stop, failures) = (&stop, &failures);
                scope.spawn(move || {
                    let own = BTreeSet::from([service.clone()]);
                    let failed = loop {
                        match self.once(rounds, &own, stop) {
                            Ok(Some(())) if !stop.load(Ordering::Relaxed) => {}
                            Ok(_) => break None,
                            Err(failure) => break Some(failure),
                        }
                    };
                    if let Some(mut stopped) = failed {
                        if !stopped.is_of_a_step() {
                            stop.store(true, Ordering::Relaxed);
                        }
                        stopped.service.get_or_insert_with(|| service.clone());
                        let held = failures.lock();
                        held.unwrap_or_else(PoisonError::into_inner).push(stopped);
                    }
                });
            }
        });
        let mut failures = failures
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        // What ends all comes first.
        failures.sort_by_key(Stopped::is_of_a_step);
        if failures.is_empty() {
            Ok(())
        } else {
            Err(failures)
        }
    }

    /// One run. Gives `Some` where it was stopped and has to begin again, with more
    /// steps rewritten than before: a step is found once, so that there is an end.
    fn once(
        &self,
        rounds: Rounds<'_>,
        services: &BTreeSet<String>,
        stop: &AtomicBool,
    ) -> Result<Option<()>, Stopped> {
        let moves = self.moves();
        let (file, targets) = (rounds.make)(&self.through(), services);
        if file.is_empty() {
            return Ok(None);
        }
        let mut found: BTreeSet<Place> = BTreeSet::new();
        let mut past: Option<Place> = None;
        let reporter = Quiet(self.reporter);
        let watched = (moves, stop);
        let (built, heard) = self.heard(rounds.dockerfiles, services, watched, |stop| {
            self.docker.bake_watched(
                &file,
                rounds.dockerfiles.folder(),
                &reporter,
                stop,
                &mut |change| match self.starts_without_network(change, &targets) {
                    Some(Starts::Unanswered(place)) => {
                        past.get_or_insert(place);
                        Watch::Stop
                    }
                    Some(Starts::Recorded(place)) => {
                        found.insert(place);
                        Watch::Stop
                    }
                    None => Watch::GoOn,
                },
            )
        });
        match heard {
            Heard::All => {}
            Heard::Moved => return Ok(Some(())),
            Heard::Failed(failure) => return Err(failure.into()),
        }
        let (log, stopped) = built?;
        for place in &found {
            self.rewrite_from(rounds.dockerfiles, place)?;
        }
        match past {
            // The others are built without it.
            Some(place) if services.len() == 1 => return Err(self.past(place).into()),
            None if found.is_empty() => {}
            _ => return Ok(Some(())),
        }
        if stopped {
            return Ok(None);
        }
        if log.failure().is_some() && self.is_elsewhere(rounds.dockerfiles, services, moves)? {
            return Ok(Some(()));
        }
        if let Some(place) = self.lacks_network(&log, &targets) {
            self.rewrite_from(rounds.dockerfiles, &place)?;
            return Ok(Some(()));
        }
        self.reads_cleaned(&log, &targets);
        (rounds.take)(&log, &targets)?;
        Ok(None)
    }

    /// Whether the proxy of these services is in another place than when their build was
    /// made, or has to be.
    fn is_elsewhere(
        &self,
        dockerfiles: &Dockerfiles,
        services: &BTreeSet<String>,
        moves: usize,
    ) -> Result<bool, Failure> {
        let through = self.through();
        if !services.iter().any(|name| through.contains_key(name)) {
            return Ok(false);
        }
        Ok(self.moves() != moves || self.moves_where_unreached(dockerfiles)?)
    }

    /// The network step that runs, or has run, without our proxy. What runs with it is
    /// written down.
    fn starts_without_network(
        &self,
        change: &Change,
        targets: &BTreeMap<String, String>,
    ) -> Option<Starts> {
        let step = change.step.as_ref().filter(|_| change.runs())?;
        let service = service_of(step, targets)?;
        let (place, stage, key, run) = self.places.find(service, step)?;
        if change.completed.is_none() && self.known.past(service, stage, key) {
            return Some(Starts::Unanswered(place));
        }
        if self.is_rewritten(&place) {
            let ran = Ran {
                place,
                started: change.started.unwrap_or_else(SystemTime::now),
                completed: change.completed,
            };
            let key = (service.clone(), change.digest.clone());
            self.state().ran.insert(key, ran);
            return None;
        }
        self.known
            .needs_network(service, stage, key, run)
            .then_some(Starts::Recorded(place))
    }

    fn past(&self, place: Place) -> Error {
        let build = self.closure.service(&place.service);
        let build = build.and_then(|s| s.build.as_ref());
        let runs = build.and_then(|b| Some(&b.stage(place.at.stage)?.runs));
        let run = runs.and_then(|runs| runs.iter().find(|r| r.line == place.line));
        Error::Past {
            at: build.map_or_else(String::new, |b| b.location(place.line).to_string()),
            step: run.map_or_else(|| "a RUN".to_owned(), |r| format!("RUN {}", r.command)),
            service: place.service,
        }
    }

    /// The network steps that a build ran without our proxy, although its caches were
    /// warmed before: the engine has dropped them. Their builds go through the proxy
    /// from now on.
    pub(in crate::build) fn after_dropped_caches(
        &self,
        dockerfiles: &Dockerfiles,
        log: &BuildLog,
        services: &BTreeSet<String>,
    ) -> Result<bool, Failure> {
        let targets = services.iter().map(|name| (name.clone(), name.clone()));
        let targets: BTreeMap<String, String> = targets.collect();
        let failed = log.failure().and_then(|failure| failure.step);
        let ran = log.steps().filter(|step| step.ran).chain(failed);
        let places: BTreeSet<Place> = ran
            .filter(Step::is_run)
            .filter_map(|step| {
                let service = service_of(&step, &targets)?;
                let (place, stage, key, run) = self.places.find(service, &step)?;
                let needs = self.known.needs_network(service, stage, key, run);
                (needs && !self.is_rewritten(&place)).then_some(place)
            })
            .collect();
        for place in &places {
            self.say_dropped(place);
            self.rewrite_from(dockerfiles, place)?;
        }
        Ok(!places.is_empty())
    }

    fn say_dropped(&self, place: &Place) {
        let build = self.closure.service(&place.service);
        let build = build.and_then(|s| s.build.as_ref());
        self.reporter.event(Event::Warning(Warning {
            what: format!(
                "the engine has dropped what was in its cache a moment ago: a step of {} ran again, and is replayed",
                place.service
            ),
            subject: build.map(|b| b.location(place.line).to_string()),
            why: Some(dropped_because(&self.engine.root)),
            remedy: Some("plain docker compose build does not find what is replayed; with more free space (docker system df, docker image prune), docker offline build warms the cache anew".into()),
        }));
    }

    /// The RUN that failed without our proxy for want of a network, although the
    /// recording knew of no request that it makes.
    fn lacks_network(&self, log: &BuildLog, targets: &BTreeMap<String, String>) -> Option<Place> {
        let failure = log.failure()?;
        let step = failure.step.as_ref()?;
        let service = service_of(step, targets)?;
        let (place, _, _, run) = self.places.find(service, step)?;
        let without = run.network.as_deref() == Some("none") || self.is_rewritten(&place);
        (!without && speaks_of_network(&failure)).then_some(place)
    }
}

pub(super) fn service_of<'t>(
    step: &Step,
    targets: &'t BTreeMap<String, String>,
) -> Option<&'t String> {
    let named = step.scope.first().and_then(|word| targets.get(word));
    named.or_else(|| {
        let services: BTreeSet<&String> = targets.values().collect();
        (services.len() == 1).then(|| services.into_iter().next())?
    })
}

/// Whether the words of a failed step are those of a program that did not reach its
/// server.
fn speaks_of_network(failure: &StepFailure) -> bool {
    let text = failure.tail.join("\n");
    let report = read_log(text.as_bytes(), "the step");
    report.is_ok_and(|report| {
        let mut ids = report.findings.iter().map(|finding| finding.id);
        ids.any(|id| matches!(id, "dns" | "connection"))
    })
}
