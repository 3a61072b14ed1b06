//! What the RUN steps fetch is recorded beside the ordinary export.
//!
//! The ordinary build may come from the cache as a whole, and proves nothing about
//! the network. So each service with a step that may use the network is built once
//! more, from a copy of its Dockerfile whose steps go through a proxy of ours and run
//! in any case ([`plan`], [`builds`]). Its result is dropped; what the proxy saw is
//! kept as an artifact of the layout, and the record says which step asked for how
//! much ([`attribute`]). A recording of the previous export is kept where nothing that
//! its steps depend on has changed ([`reuse`]). A service that cannot be recorded, also
//! at a second try, is left out and named ([`unrecorded`]). Packages that the site may want
//! later are fetched behind the steps that would fetch them ([`packages`]).

mod attribute;
mod builds;
mod decide;
mod hosts;
mod packages;
mod past;
mod plan;
mod reuse;
mod secrets;
mod session;
mod unrecorded;
mod upstream;
mod written_down;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use offline_network::{Recorded, Recording, Scrub};

use super::fetch::Held;
use super::images::CarriedImage;
use super::{Error, ExportOptions, Prepared};
use crate::bundle::{
    NetworkContents, NetworkRecord, Record, ServiceNetwork, Unrecorded, WantedRequest,
};
use crate::engine::{Docker, NoProxyPlace};
use crate::error::Failure;
use crate::event::{Event, Reporter, Warning};
use crate::layout::Layout;
use crate::network::Loopback;
use crate::stages::StepKeys;
pub use decide::RecordingPlan;
pub use packages::UnfetchedPackage;
use plan::{Group, Planned, groups, plan};
use session::{Attempted, Refused, Session, Settings};
use unrecorded::{is_lost, words};
use written_down::written_down;

/// Records what the builds fetch.
pub(super) struct NetworkRecorder<'a> {
    pub(super) docker: &'a Docker,
    /// Says that the rest of the export has failed.
    pub(super) stop: &'a AtomicBool,
    pub(super) prepared: &'a Prepared,
    pub(super) options: &'a ExportOptions,
    pub(super) layout: &'a Layout,
    pub(super) previous: Option<&'a Record>,
    pub(super) keys: &'a StepKeys,
    /// What is fetched for a site; `None` for an export.
    pub(super) fetching: Option<Fetching<'a>>,
    pub(super) reporter: &'a dyn Reporter,
}

/// What a site lacks.
#[derive(Clone, Copy)]
pub(super) struct Fetching<'a> {
    /// The services that asked.
    pub(super) services: &'a BTreeSet<String>,
    /// What they asked for.
    pub(super) listed: &'a [WantedRequest],
    /// What the site has.
    pub(super) held: Option<&'a Held>,
}

/// What the recording came to.
#[derive(Debug, Clone, Default)]
pub(super) struct RecordedNetwork {
    /// For the record; `None` where nothing is carried.
    pub(super) record: Option<NetworkRecord>,
    /// The services that could not be recorded.
    pub(super) unrecorded: BTreeMap<String, Unrecorded>,
    /// Packages that could not be fetched besides.
    pub(super) unfetched: BTreeSet<UnfetchedPackage>,
    /// What it cost.
    pub(super) cost: RecordingCost,
    /// Bytes of bodies that the layout did not hold before.
    pub(super) new_bytes: u64,
}

/// What recording the network cost.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct RecordingCost {
    /// Services whose network steps ran once more.
    pub recorded: Vec<String>,
    /// Services whose earlier recording is still good.
    pub kept: Vec<String>,
    /// Requests that their steps made now.
    pub requests: u64,
    /// Bytes that came from servers for them.
    pub bytes: u64,
    /// Bytes of the whole recording in the bundle.
    pub carried_bytes: u64,
    /// How long it took, beside the ordinary export.
    #[serde(serialize_with = "super::summary::seconds")]
    pub elapsed: Duration,
}

/// The proxy, as far as there is one.
enum Proxying<'a> {
    /// It was not needed.
    NotYet,
    /// None can serve this engine, as was said.
    Impossible,
    /// It runs.
    Runs(Session<'a>),
}

/// What was built through the proxy.
#[derive(Default)]
struct Built<'a> {
    groups: Vec<(Group<'a>, Attempted<'a>)>,
}

impl NetworkRecorder<'_> {
    /// Records; `images` gives the images that the export carries, once they are all
    /// fetched and all stages are built, and ends without one where that failed.
    pub(super) fn record(
        &self,
        images: &Receiver<Vec<CarriedImage>>,
    ) -> Result<RecordedNetwork, Failure> {
        let started = Instant::now();
        let mut planned = plan(self.prepared);
        let mut names: BTreeSet<String> = BTreeSet::new();
        if let Some(fetching) = &self.fetching {
            planned.retain(|service| fetching.services.contains(&service.name));
            names.extend(fetching.services.iter().cloned());
        } else if planned.is_empty() {
            return Ok(RecordedNetwork::default());
        }
        if self.fetching.is_none() {
            written_down(&planned, self.reporter);
        }
        names.extend(planned.iter().map(|p| p.name.clone()));
        let names: Vec<String> = names.into_iter().collect();
        let held = reuse::Held::of(self.previous, self.layout);
        let before = self.blobs();
        let (mut now, mut later, mut candidates) = (Vec::new(), Vec::new(), Vec::new());
        for service in planned {
            let wanted = packages::of_service(&self.prepared.packages, &service.name);
            match held.of_service(&service, self.keys, &wanted) {
                Some(network) => candidates.push((service, network)),
                None if service.needs_sibling => later.push(service),
                None => now.push(service),
            }
        }
        let mut session = Proxying::NotYet;
        let mut built = Built::default();
        self.build(&mut session, &names, now, &mut built)?;
        let mut kept: BTreeMap<String, ServiceNetwork> = BTreeMap::new();
        if !(later.is_empty() && candidates.is_empty()) {
            let Ok(images) = images.recv() else {
                return Err(crate::engine::Error::Interrupted.into());
            };
            for (service, network) in candidates {
                if held.same_bases(&service.with_siblings(self.prepared), &images) {
                    kept.insert(service.name, network);
                } else {
                    later.push(service);
                }
            }
            self.build(&mut session, &names, later, &mut built)?;
        }
        if let Some(fetching) = &self.fetching {
            if let Proxying::NotYet = session {
                session = self.start(&names)?;
            }
            if let Proxying::Runs(session) = &session {
                session.ask(fetching.listed, self.reporter)?;
            }
        }
        let recorded = match session {
            Proxying::Runs(session) => Some(session.stop()?),
            Proxying::NotYet | Proxying::Impossible => None,
        };
        let mut kept = self.keep(&held, kept, recorded.as_ref(), &built)?;
        let bodies = recorded.iter().flat_map(|r| r.recording.bodies());
        let new = bodies.filter(|body| !before.contains(body.digest.hex()));
        kept.new_bytes = new.map(|body| body.size).sum();
        kept.cost.elapsed = started.elapsed();
        Ok(kept)
    }

    /// The names of all blobs that the layout holds.
    fn blobs(&self) -> BTreeSet<String> {
        let entries = std::fs::read_dir(self.layout.blobs()).into_iter().flatten();
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.collect()
    }

    /// Builds services through the proxy, which is started when it is needed first.
    fn build<'a>(
        &'a self,
        session: &mut Proxying<'a>,
        names: &[String],
        services: Vec<Planned<'a>>,
        built: &mut Built<'a>,
    ) -> Result<(), Failure> {
        if services.is_empty() {
            return Ok(());
        }
        if let Proxying::NotYet = session {
            *session = self.start(names)?;
        }
        let Proxying::Runs(session) = session else {
            return Ok(());
        };
        let groups = groups(services);
        let attempted = session.build(&groups, self.reporter)?;
        built.groups.extend(groups.into_iter().zip(attempted));
        Ok(())
    }

    /// Whether what cannot be recorded ends all: a request file is about just that.
    fn strict(&self) -> bool {
        self.options.strict || self.fetching.is_some()
    }

    fn start(&self, names: &[String]) -> Result<Proxying<'_>, Failure> {
        let place = match &self.prepared.recording {
            RecordingPlan::Off => return Ok(Proxying::Impossible),
            RecordingPlan::Impossible(place) => {
                self.not_recorded(place);
                return Ok(Proxying::Impossible);
            }
            RecordingPlan::Through(place) => place,
        };
        let project = &self.prepared.project;
        let mut upstream =
            upstream::upstream(self.options, project, |name| std::env::var(name).ok());
        let planned = plan(self.prepared);
        let targets = packages::targets(&planned, &self.prepared.packages);
        let hosts = hosts::hosts(project, || {
            self.docker.host_gateway().or(Some(place.address))
        });
        upstream.hosts = packages::with_hosts(hosts, &targets);
        let mut on_host = on_host(&planned);
        let also = targets.iter().filter(|(_, of)| on_host.contains(*of));
        let also: Vec<String> = also.map(|(target, _)| target.clone()).collect();
        on_host.extend(also);
        let proxies = [&upstream.http_proxy, &upstream.https_proxy];
        let proxies: Vec<&str> = proxies.into_iter().flatten().map(String::as_str).collect();
        let settings = Settings {
            scrub: Scrub {
                secrets: secrets::values(project, &proxies),
            },
            upstream,
            place,
            layout: self.layout,
            reporter: self.reporter,
            services: names.iter().chain(targets.keys()).cloned().collect(),
            on_host,
            with_siblings: self.fetching.is_some(),
            strict: self.strict(),
        };
        match Session::start(self.docker, self.prepared, self.stop, &settings) {
            Ok(session) => Ok(Proxying::Runs(session)),
            Err(Refused::Failed(failure)) => Err(failure),
            Err(Refused::NoPlace(place)) => {
                self.not_recorded(&place);
                Ok(Proxying::Impossible)
            }
        }
    }

    fn not_recorded(&self, place: &NoProxyPlace) {
        self.reporter.event(Event::Warning(Warning {
            what: "what the builds fetch is not recorded: on the site, steps that need a network run only as long as they are cached".into(),
            subject: None,
            why: Some(place.why.clone()),
            remedy: Some(format!("{}; or say --no-record", place.remedy)),
        }));
    }

    /// Puts the recording into the layout.
    fn keep(
        &self,
        held: &reuse::Held<'_>,
        kept: BTreeMap<String, ServiceNetwork>,
        recorded: Option<&Recorded>,
        built: &Built<'_>,
    ) -> Result<RecordedNetwork, Failure> {
        let mut cost = RecordingCost {
            kept: kept.keys().cloned().collect(),
            ..RecordingCost::default()
        };
        let mut contents = held.contents(&cost.kept)?;
        let mut services = kept;
        let mut unrecorded = BTreeMap::new();
        let mut besides = packages::Outcome::default();
        if let Some(recorded) = recorded {
            if let Some(failure) = unrecorded::failure(&built.groups, recorded, self.strict()) {
                return Err(failure);
            }
            self.say_what_is_missing(recorded);
            cost.requests = recorded.counts.requests;
            cost.bytes = recorded.counts.bytes_from_servers;
            let mut new = NetworkContents {
                recording: recorded.recording.clone(),
                asked: Vec::new(),
            };
            for (group, attempted) in &built.groups {
                let names: BTreeSet<String> = group.names().into_iter().collect();
                if let Some(one) = unrecorded::why(group, attempted, recorded) {
                    let warning = unrecorded::warning(&group.names(), &one);
                    self.reporter.event(Event::Warning(warning));
                    unrecorded.extend(names.iter().map(|name| (name.clone(), one.clone())));
                    without(&mut new.recording, &names);
                    continue;
                }
                of_whole_group(&mut new.recording, &names);
                let requests = attempted.of_group(group, &recorded.requests);
                for warning in past::warnings(group, attempted) {
                    self.reporter.event(Event::Warning(warning));
                }
                let asked = attribute::asked(&requests, &attempted.ran, &group.services);
                for service in &group.services {
                    let (network, steps) =
                        attribute::service_network(service, &asked, self.keys, &attempted.past);
                    services.insert(service.name.clone(), network);
                    new.asked.extend(steps);
                }
                besides.add(group, attempted, recorded, &mut services, &mut new.asked);
                cost.recorded.extend(names);
            }
            new.recording = besides.joined(&new.recording);
            contents.merge(new);
        }
        self.say_what_is_not_fetched(&besides.unfetched)?;
        let unfetched = besides.unfetched;
        cost.recorded.sort();
        if let Some(held) = self.fetching.and_then(|f| f.held) {
            held.drop_from(&mut contents.recording);
        }
        let nothing = recorded.is_none() || self.fetching.is_none();
        if services.is_empty() && nothing {
            return Ok(RecordedNetwork {
                unrecorded,
                unfetched,
                cost,
                ..RecordedNetwork::default()
            });
        }
        let mut record = contents.write(self.layout)?;
        record.services = services;
        cost.carried_bytes = record.bytes;
        Ok(RecordedNetwork {
            record: Some(record),
            unrecorded,
            unfetched,
            cost,
            new_bytes: 0,
        })
    }

    /// Names the packages that could not be fetched.
    fn say_what_is_not_fetched(
        &self,
        unfetched: &BTreeSet<UnfetchedPackage>,
    ) -> Result<(), Failure> {
        if self.strict() && !unfetched.is_empty() {
            let packages = unfetched.iter().map(UnfetchedPackage::words).collect();
            return Err(Error::Packages { packages }.into());
        }
        for one in unfetched {
            self.reporter.event(Event::Warning(packages::warning(one)));
        }
        Ok(())
    }

    /// Says what no server answered, and the steps did without.
    fn say_what_is_missing(&self, recorded: &Recorded) {
        for failure in recorded.failures.iter().filter(|f| !is_lost(f)) {
            self.reporter.event(Event::Warning(Warning {
                what: format!("not recorded: {}", words(failure)),
                subject: None,
                why: None,
                remedy: Some("the build went on without it, and so it will on the site".into()),
            }));
        }
    }
}

/// The services that are built with the network of the engine's machine.
fn on_host(planned: &[Planned<'_>]) -> BTreeSet<String> {
    let on_host = |service: &&Planned<'_>| {
        Loopback::of(service.target.network.as_deref(), &service.file) == Loopback::Host
    };
    let found = planned.iter().filter(on_host);
    found.map(|service| service.name.clone()).collect()
}

/// Takes out what was asked for by services that are not recorded as a whole.
fn without(recording: &mut Recording, names: &BTreeSet<String>) {
    recording.exchanges.retain_mut(|exchange| {
        exchange.targets.retain(|target| !names.contains(target));
        !exchange.targets.is_empty()
    });
}

/// What one service of a group asked for was asked for all of them.
fn of_whole_group(recording: &mut Recording, names: &BTreeSet<String>) {
    for exchange in &mut recording.exchanges {
        if exchange.targets.iter().any(|target| names.contains(target)) {
            exchange.targets.extend(names.iter().cloned());
        }
    }
}
