use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Error;
use super::cleaning::{Cleaned, OwnImage};
use super::places::{Place, Places};
use super::proxies::{Proxies, Served};
use crate::bundle::{Inventory, Record};
use crate::closure::{BuildClosure, Closure, StageBase};
use crate::compatibility::can_watch_builds;
use crate::dockerfile::InstructionKind;
use crate::engine::{Docker, EngineInfo, StepFailure};
use crate::error::Failure;
use crate::event::{Event, Reporter};
use crate::layout::Layout;
use crate::network::Known;
use crate::network::{
    Caches, Cleaner, Content, LineMap, Loopback, Proxy, RewriteFrom, Rewritten, Secret, Variables,
    afresh, first_network_steps, proxy_arguments, rewrite_and_clean,
};
use crate::project::Project;
use crate::stages::{Dockerfiles, MadeOf, StepKeys, Through, step_keys};

/// Replays the recorded network where a build needs it.
pub(in crate::build) struct Replayer<'a> {
    pub(super) docker: &'a Docker,
    pub(super) engine: &'a EngineInfo,
    pub(super) project: &'a Project,
    pub(super) closure: &'a Closure,
    pub(super) record: &'a Record,
    pub(super) layout: &'a Layout,
    pub(super) known: Known<'a>,
    pub(super) places: Places<'a>,
    pub(super) reporter: &'a dyn Reporter,
    /// Where the request file goes; with it, a failure of one service does not end
    /// the others, so that the file has what all of them lack.
    pub(super) wanted: Option<&'a Path>,
    /// What each step depends on here.
    pub(super) keys: StepKeys,
    /// What was written before is not of this build.
    pub(super) begun: std::time::SystemTime,
    pub(super) state: Mutex<State>,
}

/// What has been rewritten so far.
#[derive(Default)]
pub(super) struct State {
    proxies: Option<Proxies>,
    pub(super) from: BTreeMap<String, BTreeSet<RewriteFrom>>,
    through: BTreeMap<String, Through>,
    lines: BTreeMap<String, LineMap>,
    /// When rewritten steps ran, by service and digest.
    pub(super) ran: BTreeMap<(String, String), Ran>,
    /// Packages that a resolver did not find in a version that it wanted.
    pub(super) lacking: Vec<offline_network::Miss>,
    /// The first failure of a step that asked for what is not recorded.
    pub(super) failure: Option<StepFailure>,
    /// Whether it was tried if containers reach the proxies.
    tried: bool,
    /// How often the proxy has moved: what was built for another place begins again.
    moves: usize,
    /// The image of our own program, once steps are cleaned up after.
    pub(super) own_image: Option<OwnImage>,
    /// What was taken out of files, or left in them, by service and line.
    pub(super) cleaned: BTreeSet<Cleaned>,
    /// The services whose steps are all cleaned up after: one has written its environment
    /// down although its text does not say so.
    pub(super) every_step: BTreeSet<String>,
    /// What is looked for in a service's image.
    pub(super) marks: BTreeMap<String, String>,
}

/// A rewritten step that ran.
#[derive(Debug, Clone)]
pub(super) struct Ran {
    pub(super) place: Place,
    pub(super) started: std::time::SystemTime,
    pub(super) completed: Option<std::time::SystemTime>,
}

/// What a build needs for it.
pub(in crate::build) struct Needs<'a> {
    pub(in crate::build) docker: &'a Docker,
    pub(in crate::build) engine: &'a EngineInfo,
    pub(in crate::build) project: &'a Project,
    pub(in crate::build) closure: &'a Closure,
    pub(in crate::build) record: &'a Record,
    pub(in crate::build) layout: &'a Layout,
    pub(in crate::build) reporter: &'a dyn Reporter,
    pub(in crate::build) wanted: Option<&'a Path>,
    /// What the build contexts hold here, by service.
    pub(in crate::build) inventories: &'a BTreeMap<String, Arc<Inventory>>,
}

impl<'a> Replayer<'a> {
    /// `None` where the bundle holds no recording, or buildx is too old to say what a
    /// build does at the moment (before 0.13).
    pub(in crate::build) fn new(needs: &Needs<'a>) -> Option<Self> {
        let known = Known::new(needs.record);
        if !known.any() || !can_watch_builds(needs.engine.buildx.as_deref()) {
            return None;
        }
        let replayer = Self {
            docker: needs.docker,
            engine: needs.engine,
            project: needs.project,
            closure: needs.closure,
            record: needs.record,
            layout: needs.layout,
            known,
            places: Places::new(needs.closure),
            reporter: needs.reporter,
            wanted: needs.wanted,
            keys: step_keys(
                needs.project,
                needs.closure,
                needs.inventories,
                MadeOf::Everything,
            ),
            begun: std::time::SystemTime::now(),
            state: Mutex::default(),
        };
        replayer.recalls_writers();
        Some(replayer)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The services whose builds go through the proxy by now.
    pub(in crate::build) fn through(&self) -> BTreeMap<String, Through> {
        self.state().through.clone()
    }

    /// Whether a step is rewritten already.
    pub(super) fn is_rewritten(&self, place: &Place) -> bool {
        let state = self.state();
        let mut from = state.from.get(&place.service).into_iter().flatten();
        from.any(|f| f.stage == place.at.stage && f.step <= place.at.step)
    }

    /// How many steps of a service ran with the recorded network.
    pub(in crate::build) fn replayed(&self, service: &str) -> usize {
        let state = self.state();
        let own = state.ran.values().filter(|r| r.place.service == service);
        let places: BTreeSet<&Place> = own
            .filter(|r| r.completed.is_some())
            .map(|r| &r.place)
            .collect();
        places.len()
    }

    /// The first rewritten line of each service that was replayed.
    pub(super) fn first_lines(&self) -> Vec<(String, u32)> {
        let state = self.state();
        let line = |(service, from): (&String, &BTreeSet<RewriteFrom>)| {
            let stages = &self.places.file(service)?.stages;
            let lines = from.iter().filter_map(|f| {
                let instruction = stages.get(f.stage)?.instructions.get(f.step)?;
                let is_run = matches!(instruction.kind, InstructionKind::Run(_));
                is_run.then_some(instruction.line)
            });
            Some((service.clone(), lines.min()?))
        };
        state.from.iter().filter_map(line).collect()
    }

    /// From now on, the service's build goes through the proxy from this step on.
    pub(super) fn rewrite_from(
        &self,
        dockerfiles: &Dockerfiles,
        place: &Place,
    ) -> Result<(), Failure> {
        let Some(build) = self.build_of(&place.service) else {
            return Ok(());
        };
        let later = dependents(build, place.at.stage).map(|stage| RewriteFrom { stage, step: 0 });
        let first = !self.state().from.contains_key(&place.service);
        self.rewrite_at(dockerfiles, &place.service, later.chain([place.at]))?;
        if first {
            self.reporter.event(Event::Note(format!(
                "Replaying the recorded network for {}, from {} on.",
                place.service,
                build.location(place.line)
            )));
        }
        Ok(())
    }

    /// From now on, the service's build goes through the proxy wherever its text may
    /// need the network: as plain Compose builds it after `--stay`.
    pub(in crate::build) fn rewrite_all(
        &self,
        dockerfiles: &Dockerfiles,
        service: &str,
    ) -> Result<(), Failure> {
        let all = self.places.file(service).map(first_network_steps);
        match all.filter(|all| !all.is_empty()) {
            Some(all) => self.rewrite_at(dockerfiles, service, all.into_iter()),
            None => Ok(()),
        }
    }

    /// From now on, the service's build goes through the proxy from where one of the
    /// same sources did before.
    pub(in crate::build) fn rewrite_remembered(
        &self,
        dockerfiles: &Dockerfiles,
        service: &str,
    ) -> Result<(), Failure> {
        let known = self.remembered(service, &self.keys);
        if known.is_empty() {
            return Ok(());
        }
        self.rewrite_at(dockerfiles, service, known.into_iter())
    }

    /// How the variables of rewritten steps come to a service's build.
    pub(in crate::build) fn variables(&self, service: &str) -> Variables {
        let syntax = self.build_of(service).and_then(|b| b.syntax.as_ref());
        let syntax = syntax.map(ToString::to_string);
        Variables::known_to(&self.engine.version, syntax.as_deref())
    }

    fn build_of(&self, service: &str) -> Option<&'a BuildClosure> {
        self.closure.service(service)?.build.as_ref()
    }

    fn rewritten(
        &self,
        service: &str,
        from: &[RewriteFrom],
        cleaner: Option<&Cleaner>,
    ) -> Option<Rewritten> {
        let build = self.build_of(service)?;
        let file = self.places.file(service)?;
        let variables = self.variables(service);
        let text = &build.named_dockerfile;
        let caches = Caches::Shared;
        let rewritten = rewrite_and_clean(text, file, from, variables, caches, cleaner);
        Some(match self.mark(service) {
            Some(mark) => afresh(rewritten, &mark),
            None => rewritten,
        })
    }

    pub(super) fn rewrite_at(
        &self,
        dockerfiles: &Dockerfiles,
        service: &str,
        more: impl Iterator<Item = RewriteFrom>,
    ) -> Result<(), Failure> {
        self.brings_cleaner(service)?;
        let mut state = self.state();
        let every_step = state.every_step.contains(service);
        let own_image = state.own_image.as_ref();
        let cleaner = own_image.map(|image| image.cleaner(every_step));
        let from = state.from.entry(service.to_owned()).or_default();
        from.extend(more);
        let from: Vec<RewriteFrom> = from.iter().copied().collect();
        let Some(rewritten) = self.rewritten(service, &from, cleaner.as_ref()) else {
            return Ok(());
        };
        if state.proxies.is_none() {
            state.proxies = Some(self.proxies()?);
        }
        let Some(proxies) = state.proxies.as_mut() else {
            return Ok(());
        };
        let proxy = Proxy {
            address: proxies.address_for(self.served(), service)?,
            authority_pem: proxies.certificate().to_owned(),
            replays: true,
            loopback: loopback(self.project, self.closure, service),
        };
        let marks = Content::Marks.bytes(&proxy);
        let marks = String::from_utf8_lossy(&marks).into_owned();
        state.marks.insert(service.to_owned(), marks);
        let (path, folder) = dockerfiles.write_rewritten(service, &rewritten.text)?;
        let secrets = Secret::write_all(&rewritten.secrets, &folder, &proxy)
            .map_err(|(path, source)| Error::Write { path, source })?;
        let arguments = proxy_arguments(proxy.address, proxy.loopback).into_iter();
        let through = Through {
            dockerfile: path,
            args: arguments
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            secrets: secrets.into_iter().collect::<BTreeMap<String, PathBuf>>(),
        };
        state.through.insert(service.to_owned(), through);
        state.lines.insert(service.to_owned(), rewritten.lines);
        Ok(())
    }

    fn served(&self) -> Served<'_> {
        Served {
            docker: self.docker,
            engine: self.engine,
            layout: self.layout,
            reporter: self.reporter,
        }
    }

    /// How often the proxy has moved.
    pub(super) fn moves(&self) -> usize {
        self.state().moves
    }

    /// Has the proxy go on in a container, and all builds that are rewritten by now go
    /// there; whether it was not in one before.
    pub(super) fn moves_into_container(
        &self,
        dockerfiles: &Dockerfiles,
        why: &str,
    ) -> Result<bool, Failure> {
        let mut state = self.state();
        let moved = match state.proxies.as_mut() {
            Some(proxies) => proxies.moves(self.served(), why)?,
            None => false,
        };
        let rewritten: Vec<String> = state.through.keys().cloned().collect();
        state.moves += usize::from(moved);
        drop(state);
        if moved {
            for service in rewritten {
                self.rewrite_at(dockerfiles, &service, std::iter::empty())?;
            }
        }
        Ok(moved)
    }

    fn proxies(&self) -> Result<Proxies, Failure> {
        let built = self.closure.services.iter().filter(|s| s.build.is_some());
        let services = built.map(|s| s.name.clone()).collect();
        Proxies::new(self.layout, self.record, services, self.secrets())
    }

    /// What the builds' own secrets hold: URLs that carry one were recorded without.
    fn secrets(&self) -> Vec<Vec<u8>> {
        let builds = self
            .project
            .services
            .iter()
            .filter_map(|s| s.build.as_ref());
        let sources = builds.flat_map(|b| &b.secrets).map(|s| &s.source);
        sources
            .filter_map(|s| self.project.secret_value(s))
            .collect()
    }

    /// The line of the user's Dockerfile for a line of the one that was built.
    pub(super) fn original_line(&self, service: &str, line: u32) -> Option<u32> {
        match self.state().lines.get(service) {
            Some(lines) => lines.original(line),
            None => Some(line),
        }
    }

    /// What the proxies were asked for and could not answer, so far.
    pub(super) fn missed(&self) -> Vec<offline_network::Miss> {
        let state = self.state();
        let proxies = state.proxies.as_ref();
        let mut missed = proxies.map(Proxies::misses).unwrap_or_default();
        missed.extend(state.lacking.iter().cloned());
        missed
    }

    /// The packages that a service was offered in part only, so far.
    pub(super) fn narrowed(&self) -> Vec<offline_network::Narrowed> {
        let state = self.state();
        state
            .proxies
            .as_ref()
            .map(Proxies::narrowed)
            .unwrap_or_default()
    }

    /// What was answered under another address than it was recorded, in words.
    pub(in crate::build) fn alike(&self) -> Vec<String> {
        let state = self.state();
        let alike = state.proxies.as_ref().map(Proxies::alike);
        let words = |one: offline_network::Alike| {
            format!(
                "Service {} asked for {}, an address that is another one each time; it was given what was recorded for {}.",
                one.target, one.url, one.recorded
            )
        };
        alike.unwrap_or_default().into_iter().map(words).collect()
    }

    /// Where a proxy is that nobody has asked for anything yet; only once, as it is to
    /// be tried whether it can be reached.
    pub(super) fn silent_proxy(&self) -> Option<SocketAddr> {
        let mut state = self.state();
        let silent = state.proxies.as_ref().filter(|p| p.counts().requests == 0);
        let address = silent.filter(|_| !state.tried)?.an_address()?;
        state.tried = true;
        Some(address)
    }

    /// Requests that were answered, and bytes of the answers.
    pub(in crate::build) fn answered(&self) -> Option<(u64, u64)> {
        let state = self.state();
        let proxies = state.proxies.as_ref().filter(|p| p.started())?;
        let counts = proxies.counts();
        Some((counts.requests - counts.missed, counts.bytes_to_clients))
    }
}

/// What the steps of a service's build reach as `localhost`.
pub(in crate::build) fn loopback(project: &Project, closure: &Closure, service: &str) -> Loopback {
    let target = project.service(service).and_then(|s| s.build.as_ref());
    let build = closure.service(service).and_then(|s| s.build.as_ref());
    let file = build.and_then(|build| {
        crate::dockerfile::parse(&build.named_dockerfile, &build.dockerfile_path).ok()
    });
    let network = target.and_then(|t| t.network.as_deref());
    file.map_or_else(Loopback::default, |file| Loopback::of(network, &file))
}

/// The stages that start from this one, and from those: all they hold is new with it.
fn dependents(build: &BuildClosure, stage: usize) -> impl Iterator<Item = usize> {
    let mut found = BTreeSet::from([stage]);
    // Stages are in the order of the file: a base comes before what starts from it.
    for later in &build.stages {
        if matches!(later.base, StageBase::Stage(base) if found.contains(&base)) {
            found.insert(later.index);
        }
    }
    found.remove(&stage);
    found.into_iter()
}
