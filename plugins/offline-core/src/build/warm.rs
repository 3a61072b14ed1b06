use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use serde_json::{Map, json};

use super::Error;
use super::foresight::Foresight;
use super::levels::{Level, levels, one_name_at_a_time};
use super::steps::StepCount;
use crate::bundle::Record;
use crate::closure::{Closure, StageRef};
use crate::engine::{BakeFile, BuildLog, Docker, local_cache_source};
use crate::error::Failure;
use crate::event::{Reporter, Task, Work};
use crate::layout::{Digest, Layout};
use crate::project::Project;
use crate::stages::{Dockerfiles, StageTargets};

/// Warms the cache and builds, level by level.
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
    pub(super) reporter: &'a dyn Reporter,
}

impl Builder<'_> {
    /// Every stage with its own cache source and no other, in waves: with more
    /// than one source the hits are random (fact 4), and a final stage alone
    /// leaves the earlier ones cold (fact 5).
    pub(super) fn build(&self) -> Result<StepCount, Failure> {
        let all: BTreeSet<String> = self
            .closure
            .services
            .iter()
            .filter(|s| s.build.is_some())
            .filter(|s| self.force || !self.foresight.refused.contains_key(&s.name))
            .map(|s| s.name.clone())
            .collect();
        self.build_only(&all, &all)
    }

    /// The same for some services, of which only `tagged` are built and tagged.
    pub(super) fn build_only(
        &self,
        services: &BTreeSet<String>,
        tagged: &BTreeSet<String>,
    ) -> Result<StepCount, Failure> {
        let dockerfiles = Dockerfiles::write(self.closure)?;
        let targets = StageTargets {
            project: self.project,
            closure: self.closure,
            dockerfiles: &dockerfiles,
            pins: self.pins,
        };
        let mut count = StepCount::default();
        let mut levels = levels(self.closure);
        for level in &mut levels {
            level.services.retain(|s| services.contains(s));
            level
                .waves
                .retain(|wave| wave.iter().any(|s| level.services.contains(&s.service)));
        }
        let waves = levels.iter().map(|l| l.waves.len()).sum();
        let mut wave = 0;
        for mut level in levels {
            for stages in &level.waves {
                wave += 1;
                let stages: Vec<&StageRef> = stages
                    .iter()
                    .filter(|s| level.services.contains(&s.service))
                    .collect();
                self.warm(&targets, &stages, (wave, waves), &mut count)?;
            }
            level.services.retain(|s| tagged.contains(s));
            self.build_level(&level, &mut count)?;
        }
        Ok(count)
    }

    fn warm(
        &self,
        targets: &StageTargets<'_>,
        stages: &[&StageRef],
        (wave, waves): (usize, usize),
        count: &mut StepCount,
    ) -> Result<(), Failure> {
        let mut file = BakeFile::default();
        let mut services: BTreeMap<String, String> = BTreeMap::new();
        for stage in stages {
            let mut wishes = Map::new();
            wishes.insert("output".into(), json!(["type=cacheonly"]));
            if let Some(manifest) = self.cache_source(stage) {
                let source = local_cache_source(self.layout.path(), &manifest.to_string());
                wishes.insert("cache-from".into(), json!([source]));
            }
            targets.add(&mut file, stage, wishes);
            services.insert(targets.name(stage), stage.service.clone());
        }
        if file.is_empty() {
            return Ok(());
        }
        let task = Task::start(
            self.reporter,
            Work::Warm {
                wave,
                waves,
                stages: file.len(),
            },
            None,
        );
        let log = self
            .docker
            .bake(&file, targets.dockerfiles.folder(), self.reporter)?;
        drop(task);
        let only = if services.len() == 1 {
            services.values().next()
        } else {
            None
        };
        count.add(&log, only.map(String::as_str), |word| {
            services.get(word).cloned()
        });
        self.check(
            &log,
            |word| services.get(word).cloned(),
            only.map(String::as_str),
        )
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

    /// Builds and tags just as the user will from now on, and proves with it
    /// that plain Compose finds everything.
    fn build_level(&self, level: &Level, count: &mut StepCount) -> Result<(), Failure> {
        for services in one_name_at_a_time(self.closure, level.services.iter().cloned()) {
            self.compose_build(&services, count)?;
        }
        Ok(())
    }

    fn compose_build(
        &self,
        services: &BTreeSet<String>,
        count: &mut StepCount,
    ) -> Result<(), Failure> {
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
        let log = self.docker.build_lines(args, self.reporter)?;
        let only = if services.len() == 1 {
            services.first().map(String::as_str)
        } else {
            None
        };
        let service_of = |word: &str| services.get(word).cloned();
        count.add(&log, only, service_of);
        self.check(&log, service_of, only)
    }

    fn check(
        &self,
        log: &BuildLog,
        service_of: impl Fn(&str) -> Option<String>,
        only: Option<&str>,
    ) -> Result<(), Failure> {
        let Some(failure) = log.failure() else {
            return Ok(());
        };
        let service = failure
            .step
            .as_ref()
            .and_then(|s| service_of(s.scope.first()?))
            .or_else(|| only.map(str::to_owned));
        let explanation = service.and_then(|s| self.foresight.explanations.get(&s).cloned());
        Err(Error::Build {
            failure: Box::new(failure),
            explanation,
        }
        .into())
    }
}
