use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, json};

use super::Error;
use super::dropped::dropped_because;
use super::failed::{BuildSome, Failed, Stopped};
use super::foresight::Foresight;
use super::own_waves::own_waves;
use super::replay::{Make, Replayer, Rounds};
use super::sibling_sources::SiblingSources;
use super::steps::StepCount;
use crate::bundle::Record;
use crate::closure::{Closure, StageRef};
use crate::engine::{BakeFile, BuildLog, Docker, Store, local_cache_source};
use crate::engine::{Disk, KEPT_FREE};
use crate::error::Failure;
use crate::event::{Reporter, Task, Work};
use crate::layout::{Digest, Layout};
use crate::project::{NamedContext, Project};
use crate::stages::{DIRECT, Dockerfiles, StageTargets, Through};
use crate::stages::{Level, levels, one_name_at_a_time};

/// The levels of some services, with the waves in which their stages are warmed.
pub(super) fn warmed_levels(
    project: &Project,
    closure: &Closure,
    services: &BTreeSet<String>,
) -> Vec<Level> {
    let mut levels = levels(closure);
    for level in &mut levels {
        level.services.retain(|s| services.contains(s));
        level
            .waves
            .retain(|wave| wave.iter().any(|s| level.services.contains(&s.service)));
        let waves = level.waves.iter();
        let waves = waves.flat_map(|wave| own_waves(project, closure, wave));
        level.waves = waves.collect();
    }
    levels
}

/// Warms the cache and builds, level by level.
#[derive(Clone, Copy)]
pub(super) struct Builder<'a> {
    pub(super) docker: &'a Docker,
    pub(super) project: &'a Project,
    pub(super) closure: &'a Closure,
    pub(super) layout: &'a Layout,
    pub(super) record: &'a Record,
    pub(super) foresight: &'a Foresight,
    pub(super) pins: &'a BTreeMap<String, String>,
    /// `compose` with all flags that say which project is meant.
    pub(super) compose: &'a [OsString],
    pub(super) force: bool,
    /// The services that could not be built so far.
    pub(super) failed: &'a Failed,
    pub(super) reporter: &'a dyn Reporter,
    /// Where the bundle holds the network of the export.
    pub(super) replay: Option<&'a Replayer<'a>>,
    /// Build through the proxy whatever may need the network, as plain Compose will.
    pub(super) stay: bool,
    /// The engine's image store.
    pub(super) store: Store,
    /// Where the engine keeps its data.
    pub(super) engine_root: &'a Path,
    /// The engine's Compose, for its label on images that are built here.
    pub(super) compose_version: Option<&'a str>,
}

impl Builder<'_> {
    /// Every stage with its own cache source and no other, in waves: with more
    /// than one source the hits are random (fact 4), and a final stage alone
    /// leaves the earlier ones cold (fact 5).
    ///
    /// With `--stay` all is built once more, as plain Compose will from then on; the
    /// ordinary cache is what it has after `--leave`.
    pub(super) fn build(&self) -> Result<StepCount, Failure> {
        let all: BTreeSet<String> = self
            .closure
            .services
            .iter()
            .filter(|s| s.build.is_some())
            .filter(|s| self.force || !self.foresight.refused.contains_key(&s.name))
            .map(|s| s.name.clone())
            .collect();
        if !self.stay {
            return self.build_only(&all, &all);
        }
        let ordinary = Self {
            stay: false,
            ..*self
        };
        let mut count = ordinary.build_only(&all, &all)?;
        count.merge(self.build_only(&all, &all)?);
        Ok(count)
    }

    /// The same for some services, of which only `tagged` are built and tagged. Those
    /// that fail are added to `failed`, and the others are built all the same.
    pub(super) fn build_only(
        &self,
        services: &BTreeSet<String>,
        tagged: &BTreeSet<String>,
    ) -> Result<StepCount, Failure> {
        let dockerfiles = Dockerfiles::write(self.closure)?;
        for service in &self.failed.but(services) {
            match self.replay {
                Some(replay) if self.stay => replay.rewrite_all(&dockerfiles, service)?,
                Some(replay) => replay.rewrite_remembered(&dockerfiles, service)?,
                None => {}
            }
        }
        let mut count = StepCount::default();
        let levels = warmed_levels(self.project, self.closure, services);
        let waves = levels.iter().map(|l| l.waves.len()).sum();
        let mut wave = 0;
        for mut level in levels {
            for stages in &level.waves {
                wave += 1;
                let names = stages.iter().map(|s| s.service.clone());
                let of_level = names.filter(|s| level.services.contains(s)).collect();
                self.each(of_level, &mut |some| {
                    let some = stages.iter().filter(|s| some.contains(&s.service));
                    let stages: Vec<&StageRef> = some.collect();
                    self.warm(&dockerfiles, &stages, (wave, waves), &mut count)
                })?;
            }
            level.services.retain(|s| tagged.contains(s));
            self.build_level(&dockerfiles, &level, &mut count)?;
        }
        Ok(count)
    }

    /// Builds services together, and the others alone where some of them fail.
    fn each(&self, services: BTreeSet<String>, build: &mut BuildSome<'_>) -> Result<(), Failure> {
        self.failed
            .build_what_can_be(self.project, self.closure, services, build)
    }

    fn targets<'t>(
        &'t self,
        dockerfiles: &'t Dockerfiles,
        through: &'t BTreeMap<String, Through>,
    ) -> StageTargets<'t> {
        StageTargets {
            project: self.project,
            closure: self.closure,
            dockerfiles,
            pins: self.pins,
            through,
            with_siblings: false,
        }
    }

    /// The builds of stages that only warm, and the service of each target.
    fn warming(
        &self,
        targets: &StageTargets<'_>,
        stages: &[&StageRef],
        siblings: &SiblingSources,
    ) -> (BakeFile, BTreeMap<String, String>) {
        let mut file = BakeFile::default();
        let mut services: BTreeMap<String, String> = BTreeMap::new();
        for stage in stages {
            let mut wishes = Map::new();
            wishes.insert("output".into(), json!(["type=cacheonly"]));
            let carried = || Some((self.layout.path(), self.cache_source(stage)?));
            if let Some((folder, manifest)) = siblings.of(stage).or_else(carried) {
                let source = local_cache_source(folder, &manifest.to_string());
                wishes.insert("cache-from".into(), json!([source]));
            }
            targets.add(&mut file, stage, wishes);
            services.insert(targets.name(stage), stage.service.clone());
        }
        services.extend(targets.contexts().filter(|(name, _)| file.defines(name)));
        (file, services)
    }

    fn warm(
        &self,
        dockerfiles: &Dockerfiles,
        stages: &[&StageRef],
        (wave, waves): (usize, usize),
        count: &mut StepCount,
    ) -> Result<(), Vec<Stopped>> {
        let siblings = self.sibling_sources(dockerfiles, stages, wave);
        let siblings = siblings.map_err(alone)?;
        let targets = self.targets(dockerfiles, &DIRECT);
        let (file, services) = self.warming(&targets, stages, &siblings);
        if file.is_empty() {
            return Ok(());
        }
        let work = Work::Warm {
            wave,
            waves,
            stages: file.len(),
        };
        let _task = Task::start(self.reporter, work, None);
        let Some(replay) = self.replay else {
            let folder = dockerfiles.folder();
            let log = self.docker.bake(&file, folder, self.reporter);
            let log = log.map_err(alone)?;
            return self.read_log(&log, &services, count).map_err(alone);
        };
        self.replayed(
            replay,
            dockerfiles,
            &stages.iter().map(|s| s.service.clone()).collect(),
            &|through, only| {
                let targets = self.targets(dockerfiles, through);
                let stages = stages.iter().filter(|s| only.contains(&s.service));
                self.warming(&targets, &stages.copied().collect::<Vec<_>>(), &siblings)
            },
            count,
        )
    }

    /// What stages upon other services' images find in the cache on this store.
    fn sibling_sources(
        &self,
        dockerfiles: &Dockerfiles,
        stages: &[&StageRef],
        wave: usize,
    ) -> Result<SiblingSources, Failure> {
        if self.store != Store::Containerd {
            return Ok(SiblingSources::default());
        }
        let folder = dockerfiles.folder().join(format!("wave-{wave}"));
        let carried = |stage: &StageRef| self.cache_source(stage);
        SiblingSources::write(
            self.docker,
            self.closure,
            self.layout,
            &folder,
            stages,
            carried,
        )
    }

    /// Builds some services in rounds, with what was replayed so far.
    fn replayed(
        &self,
        replay: &Replayer<'_>,
        dockerfiles: &Dockerfiles,
        services: &BTreeSet<String>,
        make: Make<'_>,
        count: &mut StepCount,
    ) -> Result<(), Vec<Stopped>> {
        let count = Mutex::new(count);
        let rounds = Rounds {
            dockerfiles,
            make,
            take: &|log, services| {
                let mut count = count.lock().unwrap_or_else(PoisonError::into_inner);
                self.read_log(log, services, &mut count)
            },
        };
        replay.build(rounds, services)
    }

    /// Counts the steps of a bake, and says why it failed if it did.
    fn read_log(
        &self,
        log: &BuildLog,
        services: &BTreeMap<String, String>,
        count: &mut StepCount,
    ) -> Result<(), Stopped> {
        let all: BTreeSet<&String> = services.values().collect();
        let only = if all.len() == 1 {
            all.first().map(|s| s.as_str())
        } else {
            None
        };
        let service_of = |word: &str| services.get(word).cloned();
        count.add(log, only, service_of);
        self.check(log, service_of, only)
    }

    fn cache_source(&self, stage: &StageRef) -> Option<Digest> {
        let name = &self
            .closure
            .service(&stage.service)?
            .build
            .as_ref()?
            .stage(stage.stage)?
            .name;
        let carried = self
            .record
            .services
            .iter()
            .find(|s| s.name == stage.service)?;
        Some(carried.stages.iter().find(|s| s.name == *name)?.manifest)
    }

    /// Builds and tags just as the user will from now on, and proves with it that
    /// plain Compose finds everything. What was replayed plain Compose does not find:
    /// it is built and tagged as Compose would. So is what the engine has dropped since
    /// it was warmed.
    fn build_level(
        &self,
        dockerfiles: &Dockerfiles,
        level: &Level,
        count: &mut StepCount,
    ) -> Result<(), Failure> {
        for services in one_name_at_a_time(self.closure, level.services.iter().cloned()) {
            self.each(services, &mut |some| {
                // A step is rewritten once, so that there is an end.
                let through = loop {
                    let (replayed, ordinary) = self.replay.map_or_else(
                        || (BTreeSet::new(), some.clone()),
                        |replay| self.parted(some.clone(), &replay.through()),
                    );
                    let dropped = !ordinary.is_empty() && {
                        let built = self.compose_build(dockerfiles, &ordinary, count);
                        built.map_err(alone)?
                    };
                    if !dropped {
                        break replayed;
                    }
                };
                match self.replay.filter(|_| !through.is_empty()) {
                    Some(replay) => self.build_and_look(replay, dockerfiles, &through, count),
                    None => Ok(()),
                }
            })?;
        }
        Ok(())
    }

    /// What a step has left in an image is found there, and then taken out.
    fn build_and_look(
        &self,
        replay: &Replayer<'_>,
        dockerfiles: &Dockerfiles,
        services: &BTreeSet<String>,
        count: &mut StepCount,
    ) -> Result<(), Vec<Stopped>> {
        self.build_replayed(replay, dockerfiles, services, count)?;
        let again = replay.looks_through(dockerfiles, services).map_err(alone)?;
        if !again.is_empty() {
            self.build_replayed(replay, dockerfiles, &again, count)?;
            replay.looks_through(dockerfiles, &again).map_err(alone)?;
        }
        Ok(())
    }

    fn build_replayed(
        &self,
        replay: &Replayer<'_>,
        dockerfiles: &Dockerfiles,
        services: &BTreeSet<String>,
        count: &mut StepCount,
    ) -> Result<(), Vec<Stopped>> {
        let work = Work::BuildServices {
            services: services.iter().cloned().collect(),
        };
        let _task = Task::start(self.reporter, work, None);
        let make = |through: &BTreeMap<String, Through>, only: &BTreeSet<String>| {
            let targets = self.targets(dockerfiles, through);
            let mut file = BakeFile::default();
            for service in only {
                targets.add_image(&mut file, service, self.compose_version);
            }
            let images = only.iter().map(|s| (targets.image_name(s), s.clone()));
            let contexts = targets.contexts();
            let services = images.chain(contexts.filter(|(name, _)| file.defines(name)));
            let services = services.collect();
            (file, services)
        };
        self.replayed(replay, dockerfiles, services, &make, count)
    }

    /// The services that are built through the proxy or upon the context of one that
    /// is, and the others.
    fn parted(
        &self,
        services: BTreeSet<String>,
        through: &BTreeMap<String, Through>,
    ) -> (BTreeSet<String>, BTreeSet<String>) {
        services
            .into_iter()
            .partition(|name| self.goes_through(name, through))
    }

    fn goes_through(&self, name: &str, through: &BTreeMap<String, Through>) -> bool {
        let build = self.project.service(name).and_then(|s| s.build.as_ref());
        let mut contexts = build.iter().flat_map(|b| b.additional_contexts.values());
        through.contains_key(name)
            || contexts.any(
                |c| matches!(c, NamedContext::Service(other) if self.goes_through(other, through)),
            )
    }

    /// Gives whether some of them have to be built once more, through the proxy.
    fn compose_build(
        &self,
        dockerfiles: &Dockerfiles,
        services: &BTreeSet<String>,
        count: &mut StepCount,
    ) -> Result<bool, Stopped> {
        let work = Work::BuildServices {
            services: services.iter().cloned().collect(),
        };
        let _task = Task::start(self.reporter, work, None);
        let flags = ["--progress", "plain", "build"]
            .into_iter()
            .map(OsString::from);
        let mut args: Vec<OsString> = self.compose.to_vec();
        args.extend(flags);
        args.extend(services.iter().map(OsString::from));
        let log = self
            .without_attestations()
            .build_lines(args, self.reporter)?;
        if let Some(replay) = self.replay
            && replay.after_dropped_caches(dockerfiles, &log, services)?
        {
            return Ok(true);
        }
        let only = if services.len() == 1 {
            services.first().map(String::as_str)
        } else {
            None
        };
        let service_of = |word: &str| services.get(word).cloned();
        count.add(&log, only, service_of);
        self.check(&log, service_of, only).map(|()| false)
    }

    /// On a containerd store an attestation makes a new image of every build, as it
    /// says when it was made; what was built upon the one before would run again (facts
    /// 28 and 32). One that the Compose file asks for is made all the same.
    fn without_attestations(&self) -> Docker {
        const NONE: &str = "BUILDX_NO_DEFAULT_ATTESTATIONS";
        let docker = self.docker.clone();
        match std::env::var_os(NONE) {
            Some(_) => docker,
            None => docker.with_env(NONE, "1"),
        }
    }

    fn check(
        &self,
        log: &BuildLog,
        service_of: impl Fn(&str) -> Option<String>,
        only: Option<&str>,
    ) -> Result<(), Stopped> {
        let Some(failure) = log.failure() else {
            return Ok(());
        };
        let service = failure
            .step
            .as_ref()
            .and_then(|s| service_of(s.scope.first()?))
            .or_else(|| only.map(str::to_owned));
        let failure = match self.replay {
            Some(replay) => replay.explain(failure, service.as_deref()),
            None => Ok(failure),
        };
        let explanation = service.as_ref().and_then(|s| {
            let known = self.foresight.explanations.get(s).cloned();
            known.or_else(|| self.dropped(s))
        });
        let failure = failure.map_or_else(
            |failure| failure,
            |failure| {
                let failure = Box::new(failure);
                Error::Build {
                    failure,
                    explanation,
                }
                .into()
            },
        );
        Err(Stopped { service, failure })
    }

    /// What to say of a service whose step fails although nothing was edited, on an
    /// engine that is short of space.
    fn dropped(&self, service: &str) -> Option<String> {
        let carried = self.record.services.iter().any(|s| s.name == service);
        let free = Disk::of_existing(self.engine_root)?.percent_free();
        (carried && free < KEPT_FREE).then(|| {
            format!(
                "no file of {service} differs from the export, so that the engine has dropped its cache: {}. Free space (docker system df, docker image prune), then run the same command again",
                dropped_because(self.engine_root)
            )
        })
    }
}

fn alone(stopped: impl Into<Stopped>) -> Vec<Stopped> {
    vec![stopped.into()]
}
