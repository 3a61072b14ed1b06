use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::classic::{ClassicRun, PlainCompose, PlainMiss, Plan, PlanInputs, Way, plan};
use super::failed::{Failed, Stopped};
use super::foresight::Foresight;
use super::overrides::unresolved_pins;
use super::warm::Builder;
use super::{Error, ServiceResult};
use crate::bundle::{Inventory, Record};
use crate::closure::Closure;
use crate::engine::EngineInfo;
use crate::error::{Failure, Kind};
use crate::event::{Event, Warning};
use crate::layout::Layout;
use crate::project::Project;
use crate::stages::{MadeOf, Substitutes, step_keys};
use crate::stages::{levels, one_name_at_a_time};

/// The journey of `--classic`, with what `BuildKit` does before and after.
pub(super) struct ByClassic<'a> {
    pub(super) builder: Builder<'a>,
    pub(super) engine: &'a EngineInfo,
    /// What the contexts hold here, by service.
    pub(super) inventories: &'a BTreeMap<String, Arc<Inventory>>,
    /// Why `BuildKit` cannot be used here at all.
    pub(super) no_buildkit: Option<String>,
}

/// What came of it.
pub(super) struct Built {
    pub(super) results: Vec<ServiceResult>,
    pub(super) misses: Vec<PlainMiss>,
    pub(super) loaded: (usize, u64),
}

impl ByClassic<'_> {
    pub(super) fn build(&self) -> Result<Built, Failure> {
        let Builder {
            project,
            closure,
            layout,
            record,
            foresight,
            ..
        } = self.builder;
        let plan = self.ways().plan()?;
        for warning in &foresight.misses {
            if matches!(plan.ways.get(&warning.0), Some(Way::BuildKit)) {
                let event = Event::Warning(warning.1.clone());
                self.builder.reporter.event(event);
            }
        }
        let substitutes = self.pins();
        let run = ClassicRun {
            docker: self.builder.docker,
            engine: self.engine,
            project,
            closure,
            layout,
            record,
            plan: &plan,
            substitutes: &substitutes,
            explanations: &foresight.explanations,
            reporter: self.builder.reporter,
        };
        let loaded = run.load()?;
        let results = self.levels(&run, &plan)?;
        let misses = self.plain_compose(&plan)?;
        Ok(Built {
            results,
            misses,
            loaded,
        })
    }

    fn levels(&self, run: &ClassicRun<'_>, plan: &Plan) -> Result<Vec<ServiceResult>, Failure> {
        let closure = self.builder.closure;
        let failed = self.builder.failed;
        let folder = tempfile::Builder::new()
            .prefix("docker-offline-")
            .tempdir()
            .map_err(|source| Error::Write {
                path: std::env::temp_dir(),
                source,
            })?;
        let mut results: BTreeMap<String, ServiceResult> = BTreeMap::new();
        for level in levels(closure) {
            let going = |is: &dyn Fn(&Way) -> bool| -> BTreeSet<String> {
                let names = plan.names(is).into_iter();
                let of_level = names.filter(|name| level.services.contains(*name));
                failed.but(&of_level.cloned().collect())
            };
            let by_buildkit = going(&|way| matches!(way, Way::BuildKit));
            if !by_buildkit.is_empty() {
                let count = self.builder.build_only(&by_buildkit, &by_buildkit)?;
                let own = count.results(closure).into_iter();
                results.extend(
                    own.filter(|r| by_buildkit.contains(&r.service))
                        .map(|mut r| {
                            r.builder = Some("buildkit".into());
                            (r.service.clone(), r)
                        }),
                );
            }
            for service in going(&|way| matches!(way, Way::Carried)) {
                results.insert(service.clone(), run.tag_carried(&service)?);
            }
            for some in one_name_at_a_time(closure, going(&|way| matches!(way, Way::Classic(_)))) {
                for (service, outcome) in run.build(&some, folder.path()) {
                    match outcome {
                        Ok(result) => {
                            results.insert(service, result);
                        }
                        Err(failure) => {
                            let stopped = Stopped::from(failure);
                            if !stopped.is_of_a_step() {
                                return Err(stopped.failure);
                            }
                            let project = self.builder.project;
                            failed.add(project, closure, &service, stopped.failure);
                        }
                    }
                }
            }
        }
        for (service, way) in &plan.ways {
            if let Way::Refused(reason) = way {
                let result = ServiceResult {
                    service: service.clone(),
                    refused: Some(reason.clone()),
                    ..ServiceResult::default()
                };
                results.insert(service.clone(), result);
            }
        }
        Ok(results.into_values().collect())
    }

    /// Warms `BuildKit` for what the classic builder has built, and finds out what
    /// plain Compose would miss all the same.
    fn plain_compose(&self, plan: &Plan) -> Result<Vec<PlainMiss>, Failure> {
        let closure = self.builder.closure;
        let mut without = PlainCompose::default();
        let mut warm = BTreeSet::new();
        let all: BTreeSet<String> = plan.ways.keys().cloned().collect();
        let built = self.builder.failed.but(&all);
        for (service, way) in plan.ways.iter().filter(|(name, _)| built.contains(*name)) {
            match (way, self.why_not_buildkit(service)) {
                (Way::BuildKit, _) => {}
                (_, Some(why)) => without.miss(closure, service, &why),
                (_, None) => {
                    warm.insert(service.clone());
                }
            }
        }
        // Compose gives services no order: those that others build upon have to
        // be there as BuildKit builds them, or the others would miss.
        let bases: BTreeSet<String> = closure
            .services
            .iter()
            .filter_map(|s| s.build.as_ref())
            .flat_map(|b| &b.stages)
            .flat_map(|stage| stage.sibling_services.iter().cloned())
            .filter(|name| warm.contains(name))
            .collect();
        match self.warm(&warm, &bases) {
            Ok(()) => {}
            Err(error) if is_own(&error) => return Err(error),
            // One after the other, to find whose it is.
            Err(_) => {
                for service in &warm {
                    let own = BTreeSet::from([service.clone()]);
                    let tagged = &bases & &own;
                    match self.warm(&own, &tagged) {
                        Ok(()) => {}
                        Err(error) if is_own(&error) => return Err(error),
                        Err(error) => without.miss(closure, service, &error.to_string()),
                    }
                }
            }
        }
        Ok(without.into_misses())
    }

    fn warm(&self, services: &BTreeSet<String>, tagged: &BTreeSet<String>) -> Result<(), Failure> {
        if services.is_empty() {
            return Ok(());
        }
        // Whoever warms hears of it: what cannot be warmed was built nevertheless.
        let failed = Failed::default();
        let builder = Builder {
            failed: &failed,
            ..self.builder
        };
        builder.build_only(services, tagged)?;
        failed.into_first().map_or(Ok(()), Err)
    }

    fn ways(&self) -> Ways<'_> {
        Ways {
            project: self.builder.project,
            closure: self.builder.closure,
            layout: self.builder.layout,
            record: self.builder.record,
            foresight: self.builder.foresight,
            inventories: self.inventories,
            engine: self.engine,
            no_buildkit: self.no_buildkit.as_deref(),
        }
    }

    fn why_not_buildkit(&self, service: &str) -> Option<String> {
        self.ways().why_not_buildkit(service)
    }

    fn pins(&self) -> Substitutes {
        let mut substitutes = Substitutes::default();
        for pin in unresolved_pins(self.builder.closure, self.engine.store) {
            substitutes
                .references
                .insert(pin.to_string(), pin.load_name());
        }
        substitutes
    }
}

/// What it is decided by how every service gets its image.
pub(super) struct Ways<'a> {
    pub(super) project: &'a Project,
    pub(super) closure: &'a Closure,
    pub(super) layout: &'a Layout,
    pub(super) record: &'a Record,
    pub(super) foresight: &'a Foresight,
    pub(super) inventories: &'a BTreeMap<String, Arc<Inventory>>,
    pub(super) engine: &'a EngineInfo,
    pub(super) no_buildkit: Option<&'a str>,
}

impl Ways<'_> {
    /// Decides; what is built upon something refused is refused too.
    pub(super) fn plan(&self) -> Result<Plan, Failure> {
        let of_classic = self.record.services.iter().any(|s| s.classic.is_some());
        let made_of = if of_classic {
            MadeOf::WhatClassicKnows
        } else {
            MadeOf::Everything
        };
        let keys = step_keys(self.project, self.closure, self.inventories, made_of);
        let mut plan = plan(&PlanInputs {
            closure: self.closure,
            layout: self.layout,
            record: self.record,
            inventories: self.inventories,
            keys: &keys,
            platform: &self.engine.platform,
            buildkit: &|service| self.why_not_buildkit(service),
        })?;
        spread(&mut plan, self.closure);
        Ok(plan)
    }

    fn why_not_buildkit(&self, service: &str) -> Option<String> {
        let refused = self.foresight.refused.get(service);
        let carried = self.record.services.iter();
        let mut lacking = carried.filter(|s| s.name == service && s.stages.is_empty());
        let lacking = lacking
            .next()
            .map(|_| "the bundle holds no cache of BuildKit for it");
        let no_buildkit = self.no_buildkit.map(str::to_owned);
        no_buildkit
            .or_else(|| refused.cloned())
            .or_else(|| lacking.map(str::to_owned))
    }
}

/// Failures that are not those of a step.
fn is_own(error: &Failure) -> bool {
    matches!(error.kind(), Kind::Interrupted | Kind::DiskFull)
}

/// What is built upon a service that is refused cannot be built either.
fn spread(plan: &mut Plan, closure: &Closure) {
    loop {
        let refused = |name: &str| matches!(plan.ways.get(name), Some(Way::Refused(_)));
        let found = closure.services.iter().find_map(|service| {
            let way = plan.ways.get(&service.name)?;
            if matches!(way, Way::Refused(_) | Way::Carried) {
                return None;
            }
            let stages = service.build.iter().flat_map(|b| &b.stages);
            let mut siblings = stages.flat_map(|s| &s.sibling_services);
            let base = siblings.find(|name| refused(name))?;
            Some((service.name.clone(), base.clone()))
        });
        let Some((name, base)) = found else { return };
        let reason = format!("it is built upon {base}");
        plan.ways.insert(name, Way::Refused(reason));
    }
}

/// What a reader of warnings needs to know which service one is about.
pub(super) type ServiceWarning = (String, Warning);
