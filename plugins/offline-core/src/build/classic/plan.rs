use std::collections::BTreeMap;
use std::sync::Arc;

use super::dockerfile::in_the_way;
use super::start::{Start, Starts};
use crate::bundle::{Inventory, Record, ServiceRecord};
use crate::closure::{BuildClosure, Closure, StageRef};
use crate::compatibility::{Obstacle, ObstacleOf, classic_obstacles};
use crate::dockerfile;
use crate::error::Failure;
use crate::layout::Layout;
use crate::stages::StepKeys;

/// How a service gets its image.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// Built by the classic builder, each stage going on from where it can.
    Classic(StageStarts),
    /// Built by BuildKit, from the bundle's BuildKit cache.
    BuildKit,
    /// Not built: the carried final image is loaded and tagged.
    Carried,
    /// Not built, with the reason.
    Refused(String),
}

impl Way {
    /// How many instructions of a stage the classic builder finds done.
    pub(crate) fn kept(&self, stage: usize) -> usize {
        match self {
            Self::Classic(starts) => starts.get(&stage).map_or(0, |start| start.kept),
            _ => 0,
        }
    }
}

type StageStarts = BTreeMap<usize, Start>;

/// The way of each service that is built.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    pub(crate) ways: BTreeMap<String, Way>,
}

impl Plan {
    /// The services that go one way.
    pub(crate) fn names(&self, is: impl Fn(&Way) -> bool) -> Vec<&String> {
        let ways = self.ways.iter().filter(|(_, way)| is(way));
        ways.map(|(name, _)| name).collect()
    }
}

/// What a plan is made of.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a> {
    pub(crate) closure: &'a Closure,
    pub(crate) layout: &'a Layout,
    pub(crate) record: &'a Record,
    /// What the contexts hold here.
    pub(crate) inventories: &'a BTreeMap<String, Arc<Inventory>>,
    pub(crate) keys: &'a StepKeys,
    /// The engine's own platform.
    pub(crate) platform: &'a str,
    /// Why BuildKit cannot build a service here; `None` where it can.
    pub(crate) buildkit: &'a dyn Fn(&str) -> Option<String>,
}

/// Decides how every service gets its image under `--classic`.
pub(crate) fn plan(inputs: &Inputs<'_>) -> Result<Plan, Failure> {
    let mut plan = Plan::default();
    for service in &inputs.closure.services {
        if let Some(build) = &service.build {
            let way = inputs.way(&service.name, build)?;
            plan.ways.insert(service.name.clone(), way);
        }
    }
    Ok(plan)
}

impl Inputs<'_> {
    fn way(&self, service: &str, build: &BuildClosure) -> Result<Way, Failure> {
        let carried = self.record.services.iter().find(|s| s.name == service);
        let obstacles = self.obstacles(build, carried);
        if obstacles.is_empty() {
            return Ok(Way::Classic(self.starts(service, build)?));
        }
        let Some(reason) = (self.buildkit)(service) else {
            return Ok(Way::BuildKit);
        };
        let final_image = carried.filter(|c| final_manifest(c).is_some());
        let edited = match final_image {
            Some(carried) => match self.edited(service, build, carried)? {
                None => return Ok(Way::Carried),
                Some(edit) => format!("edited: {edit}"),
            },
            None => "the bundle does not hold its image".to_owned(),
        };
        // What the classic builder does not know may all be in the image that it goes
        // on from.
        let starts = self.starts(service, build)?;
        let file = dockerfile::parse(&build.named_dockerfile, &build.dockerfile_path);
        let first = match &file {
            Ok(file) => in_the_way(build, file, &starts, &obstacles),
            Err(_) => obstacles.first(),
        };
        let Some(first) = first else {
            return Ok(Way::Classic(starts));
        };
        let file = build.dockerfile_path.display();
        Ok(Way::Refused(format!(
            "the classic builder does not know {} at {file}:{}; {reason}; {edited}",
            first.what, first.line
        )))
    }

    fn starts(&self, service: &str, build: &BuildClosure) -> Result<StageStarts, Failure> {
        let starts = Starts {
            layout: self.layout,
            record: self.record,
            closure: self.closure,
            keys: self.keys,
        };
        starts.of(service, build)
    }

    /// Why the classic builder cannot build a service from its first step on.
    fn obstacles(&self, build: &BuildClosure, carried: Option<&ServiceRecord>) -> Vec<Obstacle> {
        // Of a bundle for which the classic builder was asked: its keys do not tell of
        // what that builder does not know.
        let refused = carried.and_then(|c| c.classic.as_ref());
        let refused = refused.into_iter().flat_map(|c| &c.refused);
        let mut all: Vec<Obstacle> = refused
            .map(|one| Obstacle {
                line: u32::try_from(one.line).unwrap_or(1),
                what: one.what.clone(),
                of: ObstacleOf::Build,
            })
            .collect();
        if all.is_empty() {
            all = classic_obstacles(build, self.platform);
        }
        all
    }

    /// What is not as it was at the export, in words; `None` if nothing is.
    fn edited(
        &self,
        service: &str,
        build: &BuildClosure,
        carried: &ServiceRecord,
    ) -> Result<Option<String>, Failure> {
        let same = build.stages.iter().all(|stage| {
            let reference = StageRef {
                service: service.to_owned(),
                stage: stage.index,
            };
            let now = self.keys.get(&reference);
            now.is_some() && now == carried.steps.get(&stage.name)
        });
        if same {
            return Ok(None);
        }
        if let (Some(now), Some(then)) = (self.inventories.get(service), &carried.inventory) {
            let files: Vec<String> = Inventory::load(self.layout, then)?
                .compare(now)
                .iter()
                .take(3)
                .map(|d| format!("{} ({})", d.path, d.what.words()))
                .collect();
            if !files.is_empty() {
                return Ok(Some(files.join(", ")));
            }
        }
        Ok(Some(build.dockerfile_path.display().to_string()))
    }
}

/// The image of the last stage, as BuildKit built it.
pub(crate) fn final_manifest(service: &ServiceRecord) -> Option<crate::layout::Digest> {
    let name = service.final_stage.as_ref()?;
    let stage = service.stages.iter().find(|s| s.name == *name)?;
    Some(stage.manifest)
}
