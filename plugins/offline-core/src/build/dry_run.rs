//! `docker offline build --dry-run`: what a build would do, and nothing done.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::absent::Foreseen;
use super::apply::refusals;
use super::build_plan::{
    BuildPlan, PlannedBuilder, PlannedBundle, PlannedCarried, PlannedImage, PlannedService,
    PlannedStage, PlannedStep, PlannedWay, Unknown,
};
use super::by_classic::Ways;
use super::classic::Way;
use super::load::to_load;
use super::plan::{Plan, Site};
use super::run::Ready;
use super::warm::warmed_levels;
use super::{BuildOptions, Error, ServiceResult};
use crate::carried;
use crate::closure::{BuildClosure, ServiceClosure};
use crate::diagnosis::{ServiceTrace, StepNetwork, StepTrace, Verdict};
use crate::dockerfile;
use crate::engine::Docker;
use crate::error::Failure;
use crate::event::{Event, Reporter, Warning};
use crate::network::Known;

/// What a build would do, and the failure that it would end with as far as that is
/// foreseen. The engine is asked and not changed; what has to be written goes into a
/// folder of temporary files.
pub fn dry_run(
    docker: &Docker,
    options: &BuildOptions,
    reporter: &dyn Reporter,
) -> Result<(BuildPlan, Option<Failure>), Failure> {
    let scratch = tempfile::Builder::new()
        .prefix("docker-offline-")
        .tempdir()
        .map_err(Error::write(&std::env::temp_dir()))?;
    let heard = Hearing {
        reporter,
        warnings: Mutex::default(),
    };
    let ready = Ready::read(docker, options, &heard)?;
    let site = Site {
        scratch: Some(scratch.path()),
        ..ready.site()
    };
    let plan = site.plan(ready.project.clone())?;
    let told = Telling {
        site: &site,
        plan: &plan,
    };
    let mut told = told.all()?;
    told.warnings = heard.warnings();
    let refused = refused(&told.services);
    Ok((told, refusals(&refused, plan.choice.classic)))
}

/// The services that are built, with the reason where one is refused.
fn refused(services: &[PlannedService]) -> Vec<ServiceResult> {
    let built = services.iter().filter(|s| s.way != PlannedWay::AsItIs);
    let result = |one: &PlannedService| ServiceResult {
        service: one.service.clone(),
        refused: match &one.way {
            PlannedWay::Refused(reason) => Some(reason.clone()),
            _ => None,
        },
        ..ServiceResult::default()
    };
    built.map(result).collect()
}

/// Passes events on, and keeps the warnings.
struct Hearing<'a> {
    reporter: &'a dyn Reporter,
    warnings: Mutex<Vec<Warning>>,
}

impl Hearing<'_> {
    fn warnings(&self) -> Vec<Warning> {
        let warnings = self.warnings.lock();
        warnings.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Reporter for Hearing<'_> {
    fn event(&self, event: Event) {
        if let Event::Warning(warning) = &event {
            let warnings = self.warnings.lock();
            let mut warnings = warnings.unwrap_or_else(PoisonError::into_inner);
            warnings.push(warning.clone());
        }
        self.reporter.event(event);
    }
}

/// Puts a plan into the form that is printed.
struct Telling<'a> {
    site: &'a Site<'a>,
    plan: &'a Plan,
}

impl Telling<'_> {
    fn all(&self) -> Result<BuildPlan, Failure> {
        let Self { site, plan } = self;
        let load = to_load(
            site.docker,
            site.engine,
            &plan.bundle.layout,
            &plan.bundle.record.images,
            &plan.closure,
        )?;
        let images = load.images.iter().map(|image| self.image(&image.reference));
        let services = self.services()?;
        let carried = self.carried();
        Ok(BuildPlan {
            project: plan.project.name.clone(),
            bundle: self.bundle(),
            builder: PlannedBuilder {
                name: if plan.choice.classic {
                    "classic"
                } else {
                    "buildkit"
                },
                why: plan.choice.words.clone(),
            },
            load: images.collect(),
            load_bytes: load.bytes,
            warm: self.warm(&services),
            unknown: self.unknown(&services, &carried),
            carried,
            services,
            warnings: Vec::new(),
        })
    }

    fn bundle(&self) -> PlannedBundle {
        let seen = &self.plan.seen;
        let folder = || self.plan.bundle.layout.path().to_owned();
        PlannedBundle {
            path: seen.archive.clone().unwrap_or_else(folder),
            unpacked_first: seen.archive.is_some(),
            additions: seen.additions.clone(),
        }
    }

    fn image(&self, reference: &str) -> PlannedImage {
        let mut needed = self.plan.closure.images.iter();
        let needed = needed.find(|image| image.reference.to_string() == reference);
        let services = needed.into_iter().flat_map(|image| image.services.iter());
        PlannedImage {
            image: reference.to_owned(),
            services: services.cloned().collect(),
        }
    }

    fn services(&self) -> Result<Vec<PlannedService>, Failure> {
        let plan = self.plan;
        let ways = if plan.choice.classic {
            let ways = Ways {
                project: &plan.project,
                closure: &plan.closure,
                layout: &plan.bundle.layout,
                record: &plan.bundle.record,
                foresight: &plan.foresight,
                inventories: &plan.inventories,
                engine: self.site.engine,
                no_buildkit: plan.no_buildkit.as_deref(),
            };
            Some(ways.plan()?)
        } else {
            None
        };
        let all = plan.closure.services.iter();
        all.map(|service| {
            let classic = ways.as_ref().map(|w| w.ways.get(&service.name));
            self.service(service, classic.flatten())
        })
        .collect()
    }

    /// A service; `classic` is how it gets its image where the classic builder builds.
    fn service(
        &self,
        service: &ServiceClosure,
        classic: Option<&Way>,
    ) -> Result<PlannedService, Failure> {
        let told = |way, steps| PlannedService {
            service: service.name.clone(),
            image: service.image.clone(),
            way,
            steps,
        };
        let Some(build) = &service.build else {
            return Ok(told(PlannedWay::AsItIs, None));
        };
        let refused = self.plan.foresight.refused.get(&service.name);
        Ok(match (classic, refused) {
            (Some(Way::Refused(reason)), _) => told(PlannedWay::Refused(reason.clone()), None),
            (Some(Way::Carried), _) => told(PlannedWay::Carried, None),
            (Some(way @ Way::Classic(_)), _) => told(PlannedWay::Classic, by_classic(build, way)),
            (None, Some(reason)) if !self.site.options.force => {
                told(PlannedWay::Refused(reason.clone()), None)
            }
            (Some(Way::BuildKit) | None, _) => {
                told(PlannedWay::BuildKit, self.by_buildkit(service, build)?)
            }
        })
    }

    /// The steps of a service that BuildKit builds; `None` where the bundle was made
    /// without it.
    fn by_buildkit(
        &self,
        service: &ServiceClosure,
        build: &BuildClosure,
    ) -> Result<Option<Vec<PlannedStep>>, Failure> {
        let plan = self.plan;
        let foreseen = Foreseen {
            project: &plan.project,
            closure: &plan.closure,
            record: &plan.bundle.record,
            layout: &plan.bundle.layout,
            inventories: &plan.inventories,
            engine: self.site.engine,
        };
        let replays = plan.foresight.replays(&service.name);
        let recorded = replays.then(|| Known::new(&plan.bundle.record));
        let trace = foreseen.trace(&service.name, recorded)?;
        let known = |trace: &ServiceTrace| trace.lines_known && trace.files_known;
        Ok(trace.filter(known).map(|trace| {
            let step = |step: &StepTrace| PlannedStep {
                at: build.location(step.line).to_string(),
                text: step.text.clone(),
                cached: step.verdict == Verdict::Hit,
                network: step.network,
                reason: match &step.verdict {
                    Verdict::Miss(reason) => Some(reason.clone()),
                    _ => None,
                },
            };
            trace.steps().map(|(_, one)| step(one)).collect()
        }))
    }

    /// What BuildKit's cache is warmed with before it builds.
    fn warm(&self, services: &[PlannedService]) -> Vec<Vec<PlannedStage>> {
        let plan = self.plan;
        if plan.choice.classic {
            return Vec::new();
        }
        let own = services.iter().filter(|s| s.way == PlannedWay::BuildKit);
        let names = own.map(|s| s.service.clone()).collect();
        let mut all = Vec::new();
        for level in warmed_levels(&plan.project, &plan.closure, &names) {
            for wave in &level.waves {
                let own = wave.iter().filter(|s| level.services.contains(&s.service));
                let stages = own.filter_map(|one| {
                    let build = plan.closure.service(&one.service)?.build.as_ref()?;
                    Some(PlannedStage {
                        service: one.service.clone(),
                        stage: build.stage(one.stage)?.name.clone(),
                    })
                });
                all.push(stages.collect());
            }
        }
        all
    }

    fn carried(&self) -> Vec<PlannedCarried> {
        let plan = self.plan;
        let mut all = Vec::new();
        for kind in carried::KINDS {
            let mut declared = kind.declared(&plan.written);
            let built = |name: &String| plan.closure.service(name).is_some();
            declared.retain(|one| one.service.as_ref().is_none_or(built));
            let held = |name: &str| {
                let mut carried = plan.bundle.record.carried.iter();
                carried.any(|one| one.kind == kind.name() && one.name == name)
            };
            for one in declared {
                let planned = PlannedCarried {
                    kind: kind.name().to_owned(),
                    held: held(&one.name),
                    name: one.name,
                };
                if !all.contains(&planned) {
                    all.push(planned);
                }
            }
        }
        all
    }

    fn unknown(&self, services: &[PlannedService], carried: &[PlannedCarried]) -> Vec<Unknown> {
        let mut all = Vec::new();
        if !self.plan.seen.verified {
            all.push(Unknown::Bytes);
        }
        let steps = || services.iter().flat_map(|s| s.steps.iter().flatten());
        if steps().any(|step| !step.cached) {
            all.extend([Unknown::OwnCache, Unknown::Success]);
        }
        for one in services {
            let service = || one.service.clone();
            let built = matches!(one.way, PlannedWay::BuildKit | PlannedWay::Classic);
            if built && one.steps.is_none() {
                all.push(Unknown::Steps { service: service() });
            }
            let of_network = |step: &&PlannedStep| step.network == Some(StepNetwork::Unknown);
            let steps = one.steps.iter().flatten();
            all.extend(steps.filter(of_network).map(|step| Unknown::Requests {
                service: service(),
                at: step.at.clone(),
            }));
        }
        let held = carried.iter().filter(|one| one.held);
        all.extend(held.map(|one| Unknown::Place {
            kind: one.kind.clone(),
            name: one.name.clone(),
        }));
        all
    }
}

/// The steps of a service that the classic builder builds, of which each stage goes on
/// after the last that is as it was; `None` where its Dockerfile cannot be read.
fn by_classic(build: &BuildClosure, way: &Way) -> Option<Vec<PlannedStep>> {
    let path: &Path = &build.dockerfile_path;
    let file = dockerfile::parse(&build.named_dockerfile, path).ok()?;
    let mut all = Vec::new();
    for stage in &build.stages {
        let written = file.stages.iter().find(|s| s.index == stage.index)?;
        let mut kept = written.instructions.iter().take(way.kept(stage.index));
        let last = kept.next_back().map_or(0, |instruction| instruction.line);
        let makes = stage.steps.iter();
        let makes = makes.filter(|step| matches!(step.keyword, "RUN" | "COPY" | "ADD"));
        all.extend(makes.map(|step| {
            let cached = step.line <= last;
            PlannedStep {
                at: build.location(step.line).to_string(),
                text: step.text.split_whitespace().collect::<Vec<_>>().join(" "),
                cached,
                // The classic builder replays nothing.
                network: step.network_tool.map(|_| {
                    if cached {
                        StepNetwork::Cached
                    } else {
                        StepNetwork::Lost
                    }
                }),
                reason: None,
            }
        }));
    }
    Some(all)
}
