use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::time::Instant;

use super::cut::LoadImage;
use super::dockerfile::{Place, Resumed, needed, resumed};
use super::load::load;
use super::plan::{Plan, Way, final_manifest};
use super::start::Start;
use crate::build::{Error, ServiceResult, image_names};
use crate::bundle::Record;
use crate::closure::{BuildClosure, Closure};
use crate::dockerfile::{self, Dockerfile};
use crate::engine::{ClassicLog, Docker, EngineInfo, Step, StepFailure};
use crate::error::Failure;
use crate::event::{Reporter, Task, Work};
use crate::layout::Layout;
use crate::project::{BuildContext, Project};
use crate::stages::{Substitutes, key_flags};

/// Builds by the classic builder what a plan gives it.
pub(crate) struct ClassicRun<'a> {
    pub(crate) docker: &'a Docker,
    pub(crate) engine: &'a EngineInfo,
    pub(crate) project: &'a Project,
    pub(crate) closure: &'a Closure,
    pub(crate) layout: &'a Layout,
    pub(crate) record: &'a Record,
    pub(crate) plan: &'a Plan,
    /// Digest pins that this engine cannot look up, and the names they have here.
    pub(crate) substitutes: &'a Substitutes,
    /// Per service, what to say when a step fails that was there at the export.
    pub(crate) explanations: &'a BTreeMap<String, String>,
    pub(crate) reporter: &'a dyn Reporter,
}

/// What became of a service.
pub(crate) type Outcome = Result<ServiceResult, Failure>;

impl ClassicRun<'_> {
    /// Loads the images that the builds go on from and those that are not built;
    /// gives how many, and their bytes.
    pub(crate) fn load(&self) -> Result<(usize, u64), Failure> {
        let mut images: Vec<LoadImage> = Vec::new();
        for (service, way) in &self.plan.ways {
            match way {
                Way::Classic(starts) => {
                    let Some((build, file)) = self.build_of(service) else {
                        continue;
                    };
                    let wanted = needed(build, &file, starts);
                    let wanted = starts.iter().filter(|(index, _)| wanted.contains(index));
                    images.extend(wanted.map(|(_, start)| start.image.clone()));
                }
                Way::Carried => images.extend(self.carried(service)?),
                Way::BuildKit | Way::Refused(_) => {}
            }
        }
        // Services with one Dockerfile and one name for it.
        images.sort_by(|a, b| a.name.cmp(&b.name));
        images.dedup_by(|a, b| a.name == b.name);
        load(
            self.docker,
            self.engine,
            self.layout,
            self.record,
            &images,
            self.reporter,
        )
    }

    fn carried(&self, service: &str) -> Result<Option<LoadImage>, Failure> {
        let mut finished = self.record.finished.iter();
        let finished = finished.find(|image| image.services.contains(service));
        let found = self.record.services.iter().find(|s| s.name == service);
        let manifest = finished
            .map(|image| image.manifest)
            .or_else(|| found.and_then(final_manifest));
        let name = self.names(service).into_iter().next();
        let (Some(manifest), Some(name)) = (manifest, name) else {
            return Ok(None);
        };
        Ok(Some(LoadImage::whole(self.layout, name, &manifest)?))
    }

    /// Gives a carried image its other names.
    pub(crate) fn tag_carried(&self, service: &str) -> Outcome {
        let names = self.names(service);
        for name in names.iter().skip(1) {
            self.docker.tag(&names[0], name)?;
        }
        Ok(ServiceResult {
            builder: Some("carried".into()),
            ..self.result(service)
        })
    }

    /// Builds services that do not need each other, as many at once as there are
    /// processors; one that fails does not end the others.
    pub(crate) fn build(
        &self,
        services: &BTreeSet<String>,
        scratch: &Path,
    ) -> Vec<(String, Outcome)> {
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        let services: Vec<&String> = services.iter().collect();
        let _task = (!services.is_empty()).then(|| {
            let services = services.iter().map(|s| (*s).clone()).collect();
            Task::start(self.reporter, Work::BuildServices { services }, None)
        });
        let mut results = Vec::new();
        for some in services.chunks(at_once) {
            let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
                let threads: Vec<_> = some
                    .iter()
                    .map(|service| scope.spawn(|| self.service(service, scratch)))
                    .collect();
                let joined = threads.into_iter().map(|thread| {
                    thread
                        .join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                });
                joined.collect()
            });
            let names = some.iter().map(|service| (*service).clone());
            results.extend(names.zip(outcomes));
        }
        results
    }

    fn service(&self, name: &str, scratch: &Path) -> Outcome {
        let started = Instant::now();
        let nothing = BTreeMap::new();
        let starts = match self.plan.ways.get(name) {
            Some(Way::Classic(starts)) => starts,
            _ => &nothing,
        };
        let Some((build, file)) = self.build_of(name) else {
            return Ok(self.result(name));
        };
        let resumed = resumed(build, &file, self.substitutes, starts);
        let mut result = self.result(name);
        result.cached = resumed.kept;
        if let Some(start) = self.whole_target(name, build, starts, &resumed) {
            for tag in self.names(name) {
                self.docker.tag(&start.image.name, &tag)?;
            }
        } else {
            let log = self.docker.classic_build(
                self.arguments(name, build, &file, &resumed, scratch)?,
                name,
                self.reporter,
            )?;
            self.check(name, build, &resumed, &log)?;
            for (place, step) in resumed.places.iter().zip(&log.steps) {
                if let Place::Built(_) = place {
                    result.cached += usize::from(step.cached);
                    result.ran += usize::from(!step.cached);
                }
            }
        }
        result.seconds = started.elapsed().as_secs_f64();
        Ok(result)
    }

    /// The image of the target, where nothing is left to build.
    fn whole_target<'s>(
        &self,
        name: &str,
        build: &BuildClosure,
        starts: &'s BTreeMap<usize, Start>,
        resumed: &Resumed,
    ) -> Option<&'s Start> {
        let source = self.project.service(name)?.build.as_ref()?;
        let start = starts.get(&build.target_stage)?;
        let nothing_left = resumed.places.iter().all(|place| *place == Place::Frame);
        (start.whole && nothing_left && source.labels.is_empty()).then_some(start)
    }

    fn arguments(
        &self,
        name: &str,
        build: &BuildClosure,
        file: &Dockerfile,
        resumed: &Resumed,
        scratch: &Path,
    ) -> Result<Vec<OsString>, Failure> {
        let number = self.closure.services.iter().position(|s| s.name == name);
        let path = scratch.join(format!("{}.Dockerfile", number.unwrap_or_default()));
        std::fs::write(&path, &resumed.text).map_err(|source| Error::Write {
            path: path.clone(),
            source,
        })?;
        let mut args: Vec<OsString> = vec!["--force-rm".into(), "--file".into(), path.into()];
        if let Some(source) = self.project.service(name).and_then(|s| s.build.as_ref()) {
            args.extend(key_flags(build, source, file, &self.engine.platform));
            for (key, value) in &source.labels {
                args.push("--label".into());
                args.push(format!("{key}={value}").into());
            }
        }
        for tag in self.names(name) {
            args.push("--tag".into());
            args.push(tag.into());
        }
        match &build.context {
            BuildContext::Directory(folder) => args.push(folder.into()),
            BuildContext::Remote(url) => args.push(url.into()),
        }
        Ok(args)
    }

    fn check(
        &self,
        name: &str,
        build: &BuildClosure,
        resumed: &Resumed,
        log: &ClassicLog,
    ) -> Result<(), Failure> {
        if log.succeeded {
            return Ok(());
        }
        self.docker.check_interrupt()?;
        let last = log.steps.last();
        let line = match resumed.places.get(log.steps.len().saturating_sub(1)) {
            Some(Place::Built(line)) => Some(*line),
            _ => None,
        };
        let failure = StepFailure {
            step: last.map(|step| Step {
                scope: vec![name.to_owned()],
                position: u32::try_from(log.steps.len()).unwrap_or_default(),
                instruction: step.instruction.clone(),
                cached: false,
                ran: false,
                seconds: 0.0,
            }),
            source: line.map(|line| {
                let file = build.dockerfile_path.display().to_string();
                (file, line + build.line_offset)
            }),
            message: log.message().to_owned(),
            tail: log.tail.clone(),
        };
        Err(Error::Build {
            failure: Box::new(failure),
            explanation: self.explanations.get(name).cloned(),
        }
        .into())
    }

    fn build_of(&self, service: &str) -> Option<(&BuildClosure, Dockerfile)> {
        let build = self.closure.service(service)?.build.as_ref()?;
        let file = dockerfile::parse(&build.named_dockerfile, &build.dockerfile_path).ok()?;
        Some((build, file))
    }

    fn result(&self, service: &str) -> ServiceResult {
        let image = self.closure.service(service).map(|s| s.image.clone());
        ServiceResult {
            service: service.to_owned(),
            images: image.into_iter().collect(),
            builder: Some("classic".into()),
            ..ServiceResult::default()
        }
    }

    /// The names that the image of a service gets, the service's own first.
    fn names(&self, service: &str) -> Vec<String> {
        image_names::of(self.project, self.engine, service)
    }
}
