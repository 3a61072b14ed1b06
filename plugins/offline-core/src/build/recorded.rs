use std::collections::{BTreeMap, BTreeSet};

use super::BuildOptions;
use super::choice::NoBuildKit;
use crate::bundle::Record;
use crate::closure::Closure;
use crate::compatibility::can_watch_builds;
use crate::engine::EngineInfo;
use crate::network::Known;

/// What the bundle's recordings are good for in this build.
#[derive(Debug)]
pub(super) enum Recorded<'a> {
    /// The bundle holds none.
    None,
    /// Steps that need the network are answered from them.
    Replayed(Known<'a>),
    /// They cannot be used: why, and what to do.
    Idle(Known<'a>, String, String),
}

impl<'a> Recorded<'a> {
    /// Finds out; `missing` is what keeps `BuildKit` from building here.
    pub(super) fn of(
        options: &BuildOptions,
        engine: &EngineInfo,
        record: &'a Record,
        missing: Option<&NoBuildKit>,
    ) -> Self {
        let known = Known::new(record);
        if !known.any() {
            return Self::None;
        }
        let classic = "the bundle holds what it fetched, but the classic builder has no mounts by which a step could be told of that";
        let move_it = "or move this COPY below the step, or undo the edits";
        let (why, remedy) = match missing {
            _ if options.classic => (
                classic.to_owned(),
                format!("build without --classic, which replays it; {move_it}"),
            ),
            Some(missing) => (
                format!("{classic} ({})", missing.why),
                format!(
                    "set up BuildKit and Compose here (docker offline diagnose says how), and docker offline build replays it; {move_it}"
                ),
            ),
            None if !can_watch_builds(engine.buildx.as_deref()) => (
                format!(
                    "the bundle holds what it fetched, but buildx {} does not say when a step runs",
                    engine.buildx.as_deref().unwrap_or_default()
                ),
                format!(
                    "install buildx 0.13 or later, and docker offline build replays it; {move_it}"
                ),
            ),
            None => return Self::Replayed(known),
        };
        Self::Idle(known, why, remedy)
    }

    /// The services whose steps are answered from a recording.
    pub(super) fn replayed(&self, closure: &Closure) -> BTreeSet<String> {
        match self {
            Self::Replayed(known) => services(*known, closure).collect(),
            Self::None | Self::Idle(..) => BTreeSet::new(),
        }
    }

    /// The steps that asked past the proxy, by service and line.
    pub(super) fn past(&self, closure: &Closure) -> BTreeSet<(String, u32)> {
        let Self::Replayed(known) = self else {
            return BTreeSet::new();
        };
        let mut past = BTreeSet::new();
        for service in &closure.services {
            for stage in service.build.iter().flat_map(|b| &b.stages) {
                let steps = stage.steps.iter();
                let asked = steps.filter(|step| known.past(&service.name, stage, step));
                past.extend(asked.map(|step| (service.name.clone(), step.line)));
            }
        }
        past
    }

    /// The services that were recorded for nothing: why, and what to do.
    pub(super) fn idle(
        &self,
        closure: &Closure,
        record: &Record,
    ) -> BTreeMap<String, (String, String)> {
        let unrecorded = closure.services.iter().filter_map(|service| {
            let one = record.unrecorded(&service.name)?;
            let why = format!(
                "the export could not record what it fetches ({})",
                one.words()
            );
            let remedy = "undo these edits, or export again with them when it can be recorded";
            Some((service.name.clone(), (why, remedy.to_owned())))
        });
        let mut idle: BTreeMap<_, _> = unrecorded.collect();
        idle.extend(match self {
            Self::Idle(known, why, remedy) => services(*known, closure)
                .map(|name| (name, (why.clone(), remedy.clone())))
                .collect(),
            Self::None | Self::Replayed(_) => BTreeMap::new(),
        });
        idle
    }
}

fn services<'a>(known: Known<'a>, closure: &'a Closure) -> impl Iterator<Item = String> + 'a {
    let names = closure.services.iter().map(|s| s.name.clone());
    names.filter(move |name| known.service(name))
}
