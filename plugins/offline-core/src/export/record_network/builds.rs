use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::super::{Error, Prepared};
use super::packages::{PackageFetch, reaching};
use super::plan::{Group, Planned};
use crate::closure::StageRef;
use crate::engine::{BakeFile, Change, Docker, StepFailure, Watch};
use crate::error::Failure;
use crate::event::Silent;
use crate::export::stage_images::is_weak_network;
use crate::network::{LineMap, Loopback, Proxy, Secret, proxy_arguments, without_our_flags};
use crate::stages::{Dockerfiles, StageTargets, Through};

/// Attempts at a build whose base images' registry does not answer.
const ATTEMPTS: u32 = 4;

/// A RUN step while it ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ran {
    /// The stage's name, in lower case as BuildKit prints it.
    pub(super) stage: String,
    /// How many numbered steps come after it in its stage.
    pub(super) from_end: u32,
    pub(super) started: SystemTime,
    pub(super) ended: SystemTime,
}

/// Builds services through the recording proxy.
pub(super) struct RecordingBuilds<'a> {
    pub(super) docker: &'a Docker,
    pub(super) prepared: &'a Prepared,
    /// The proxy's authority.
    pub(super) authority_pem: &'a str,
    /// Different for each recording.
    pub(super) mark: String,
    /// Whether services that others are built upon are built with them: beside an
    /// export they are there already.
    pub(super) with_siblings: bool,
    /// Says that the result is no longer wanted.
    pub(super) stop: &'a AtomicBool,
}

impl RecordingBuilds<'_> {
    /// Builds a group once, for the sake of what its steps fetch: the result is
    /// dropped. Adds to `ran` when its RUN steps ran, also where one of them failed. The
    /// steps at the lines `alone` have no network.
    pub(super) fn run(
        &self,
        group: &Group<'_>,
        proxy: SocketAddr,
        alone: &BTreeSet<u32>,
        ran: &mut Vec<Ran>,
    ) -> Result<(), Stopped> {
        let Some(first) = group.services.first() else {
            return Ok(());
        };
        let rewritten = first.rewritten(&self.prepared.engine.version, &self.mark);
        let alone = alone.iter().map(|line| rewritten.lines.rewritten(*line));
        let text = without_network(&rewritten.text, &alone.collect());
        let mut ends = BTreeSet::new();
        let mut stages = Vec::new();
        for service in &group.services {
            // The same for all services of the group.
            let new = service
                .ends()
                .into_iter()
                .filter(|stage| ends.insert(*stage));
            stages.extend(new.map(|stage| (service, stage)));
        }
        let built = self.build(group, (text, &rewritten.secrets), &stages, proxy, ran);
        built.map_err(|stopped| match stopped {
            Stopped::Other(failure) => Stopped::Other(failure),
            Stopped::Step(failure) => {
                Stopped::Step(Box::new(as_written(*failure, first, &rewritten.lines)))
            }
        })
    }

    /// Builds a stage of a group up to a step, and behind it one that fetches these
    /// packages: all before comes from the cache, where the group was recorded just now.
    pub(super) fn fetch(
        &self,
        group: &Group<'_>,
        proxy: SocketAddr,
        fetch: &PackageFetch<'_>,
        words: &[&str],
    ) -> Result<(), Stopped> {
        let Some(service) = reaching(group, fetch.at.stage) else {
            return Ok(());
        };
        let version = &self.prepared.engine.version;
        let rewritten = service.fetching(fetch, words, version, &self.mark);
        let Some(rewritten) = rewritten else {
            return Err(Stopped::Step(Box::new(StepFailure {
                step: None,
                source: None,
                message: "no step can be written that would fetch it".into(),
                tail: Vec::new(),
            })));
        };
        let stages = [(service, fetch.at.stage)];
        let copy = (rewritten.text, rewritten.secrets.as_slice());
        self.build(group, copy, &stages, proxy, &mut Vec::new())
    }

    /// Builds stages from a copy of the Dockerfile and its secrets.
    fn build(
        &self,
        group: &Group<'_>,
        (text, secrets): (String, &[Secret]),
        stages: &[(&Planned<'_>, usize)],
        proxy: SocketAddr,
        ran: &mut Vec<Ran>,
    ) -> Result<(), Stopped> {
        let Some(first) = group.services.first() else {
            return Ok(());
        };
        let texts = BTreeMap::from([(first.name.clone(), text)]);
        let copy = Dockerfiles::write_texts(&self.prepared.closure, &texts)?;
        let plain = Dockerfiles::write(&self.prepared.closure)?;
        let loopback = Loopback::of(first.target.network.as_deref(), &first.file);
        let told = Proxy {
            address: proxy,
            authority_pem: self.authority_pem.to_owned(),
            replays: false,
            loopback,
        };
        let secrets = Secret::write_all(secrets, copy.folder(), &told)
            .map_err(|(path, source)| Error::Write { path, source })?;
        let arguments = proxy_arguments(proxy, loopback).into_iter();
        let through = Through {
            dockerfile: copy.of(&first.name).map(Path::to_owned).unwrap_or_default(),
            args: arguments
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            secrets: secrets.into_iter().collect(),
        };
        let names = group.services.iter().map(|s| s.name.clone());
        let through = names.map(|name| (name, through.clone())).collect();
        let no_pins = BTreeMap::new();
        let targets = StageTargets {
            project: &self.prepared.project,
            closure: &self.prepared.closure,
            dockerfiles: &plain,
            pins: &no_pins,
            through: &through,
            with_siblings: self.with_siblings,
        };
        let mut file = BakeFile::default();
        for (service, stage) in stages {
            let stage = StageRef {
                service: service.name.clone(),
                stage: *stage,
            };
            targets.add(&mut file, &stage, wishes(service));
        }
        let mut seen = BTreeMap::new();
        let baked = self.bake(&file, copy.folder(), &mut seen);
        ran.extend(seen.into_values());
        baked
    }

    fn bake(
        &self,
        file: &BakeFile,
        scratch: &Path,
        ran: &mut BTreeMap<(String, SystemTime), Ran>,
    ) -> Result<(), Stopped> {
        let mut wait = Duration::from_secs(2);
        for attempt in 1.. {
            let (log, stopped) =
                self.docker
                    .bake_watched(file, scratch, &Silent, self.stop, &mut |change| {
                        if let Some(one) = of_change(change) {
                            ran.insert((change.digest.clone(), one.started), one);
                        }
                        Watch::GoOn
                    })?;
            if stopped {
                return Err(crate::engine::Error::Interrupted.into());
            }
            let Some(failure) = log.failure() else {
                break;
            };
            let of_base = failure
                .step
                .as_ref()
                .is_none_or(|s| s.instruction.starts_with("FROM "));
            if !of_base || !is_weak_network(&failure.message) || attempt == ATTEMPTS {
                return Err(Stopped::Step(Box::new(failure)));
            }
            std::thread::sleep(wait);
            self.docker.check_interrupt()?;
            wait *= 3;
        }
        Ok(())
    }
}

/// A Dockerfile whose RUN steps at these lines have no network.
fn without_network(text: &str, lines: &BTreeSet<u32>) -> String {
    let one = |(number, line): (u32, &str)| {
        let begins = line.len() - line.trim_start().len();
        let keyword = line.get(begins..begins + 3);
        match keyword.filter(|word| word.eq_ignore_ascii_case("run") && lines.contains(&number)) {
            Some(_) => {
                let (head, rest) = line.split_at(begins + 3);
                format!("{head} --network=none{rest}")
            }
            None => line.to_owned(),
        }
    };
    (1..).zip(text.split_inclusive('\n')).map(one).collect()
}

fn wishes(service: &Planned<'_>) -> Map<String, Value> {
    let mut wishes = Map::new();
    wishes.insert("output".into(), json!(["type=cacheonly"]));
    // As in the ordinary build, with which steps before the first network step are
    // shared.
    if service.has_registries {
        wishes.insert("pull".into(), json!(true));
    }
    wishes
}

/// Why a recording build did not end well.
pub(super) enum Stopped {
    /// A step failed.
    Step(Box<StepFailure>),
    /// It could not be run, or is no longer wanted.
    Other(Failure),
}

impl<E: Into<Failure>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

/// A failure with the lines and words of the user's own Dockerfile.
fn as_written(mut failure: StepFailure, service: &Planned<'_>, lines: &LineMap) -> StepFailure {
    if let Some(step) = &mut failure.step {
        step.instruction = without_our_flags(&step.instruction);
    }
    failure.message = without_our_flags(&failure.message);
    let line = failure
        .source
        .take()
        .and_then(|(_, line)| lines.original(line));
    failure.source = line.map(|line| {
        let path = service.build.dockerfile_path.display().to_string();
        (path, line + service.build.line_offset)
    });
    failure
}

/// A RUN step that has ended and did not come from the cache.
fn of_change(change: &Change) -> Option<Ran> {
    let step = change
        .step
        .as_ref()
        .filter(|step| step.is_run() && change.runs())?;
    let (number, total) = numbers(&change.name)?;
    Some(Ran {
        stage: step.scope.last()?.to_lowercase(),
        from_end: total.checked_sub(number)?,
        started: change.started?,
        ended: change.completed?,
    })
}

/// The numbers of `[web build 2/5] RUN ...`.
fn numbers(name: &str) -> Option<(u32, u32)> {
    let (head, _) = name.strip_prefix('[')?.split_once("] ")?;
    let (number, total) = head.rsplit(' ').next()?.split_once('/')?;
    Some((number.parse().ok()?, total.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_these_steps_are_without_a_network() {
        let text = "FROM a\n  run --mount=type=secret,id=x \\\n  curl y\nRUN curl z\n";
        assert_eq!(
            without_network(text, &[2].into()),
            text.replace("run --m", "run --network=none --m")
        );
        assert_eq!(without_network(text, &BTreeSet::new()), text);
    }

    #[test]
    fn steps_are_counted_from_the_end() {
        assert_eq!(numbers("[web build  2/15] RUN a/b"), Some((2, 15)));
        assert_eq!(numbers("[2/5] RUN x"), Some((2, 5)));
        assert_eq!(numbers("[internal] load .dockerignore"), None);
    }
}
