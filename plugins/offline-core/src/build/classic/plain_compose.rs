use std::collections::BTreeMap;

use crate::closure::{BuildClosure, Closure};

/// A service of which plain `docker compose up --build` would run a step again.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PlainMiss {
    /// The service.
    pub service: String,
    /// `file:line` of the first step that it would run.
    pub at: String,
    /// Why.
    pub why: String,
}

/// What plain Compose would do after a classic build.
#[derive(Debug, Clone, Default)]
pub(crate) struct PlainCompose {
    misses: BTreeMap<String, PlainMiss>,
}

impl PlainCompose {
    /// Notes that plain Compose would miss here.
    pub(crate) fn miss(&mut self, closure: &Closure, service: &str, why: &str) {
        let build = closure.service(service).and_then(|s| s.build.as_ref());
        let at = build.map_or_else(String::new, first_step);
        let miss = PlainMiss {
            service: service.to_owned(),
            at,
            why: why.to_owned(),
        };
        self.misses.entry(service.to_owned()).or_insert(miss);
    }

    /// What it would miss, by service.
    pub(crate) fn into_misses(self) -> Vec<PlainMiss> {
        self.misses.into_values().collect()
    }
}

/// The first step that needs a network, or else the first RUN, or else the stage.
fn first_step(build: &BuildClosure) -> String {
    let runs = || build.stages.iter().flat_map(|s| &s.runs);
    let line = runs()
        .find(|run| run.network_tool.is_some())
        .or_else(|| runs().next())
        .map(|run| run.line)
        .or_else(|| build.stages.first().map(|s| s.line));
    build.location(line.unwrap_or(1)).to_string()
}
