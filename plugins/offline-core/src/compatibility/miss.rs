use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Engine;
use crate::closure::{BuildClosure, Closure, RunStep, StageBase, StageClosure};
use crate::engine::Store;

/// The oldest generation whose plain RUN and COPY keys newer ones share.
const SHARED_SINCE: u32 = 26;
/// The first engine that hashes the files of a pattern as newer ones do: BuildKit 0.26
/// (engine fact 49).
const PATTERNS_SHARED_SINCE: (u32, u32) = (29, 1);

/// Why a step misses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Nothing crosses between these generations.
    Generation,
    /// `RUN --mount` keys differ between generations.
    RunMount,
    /// `COPY --link` keys differ between image stores, and on a containerd store
    /// between generations, too (engine fact 11).
    CopyLink,
    /// The keys of a COPY by patterns differ before and after Engine 29.1 (engine
    /// fact 49).
    CopyPattern,
}

/// The first step of a stage that will not be found in the cache, and what
/// follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// The service.
    pub service: String,
    /// The stage's name.
    pub stage: String,
    /// The Dockerfile.
    pub file: PathBuf,
    /// The line of the step.
    pub line: u32,
    /// Why.
    pub reason: Reason,
    /// RUN steps that will therefore run: line and command.
    pub reruns: Vec<(u32, String)>,
    /// The first of them that usually needs the network: line and program.
    pub network: Option<(u32, &'static str)>,
}

impl Reason {
    /// Why, in words.
    pub fn words(self, from: &Engine, to: &Engine) -> String {
        match self {
            Self::Generation => format!(
                "build caches do not cross from {from} to {to}: BuildKit computes other keys"
            ),
            Self::RunMount => format!(
                "a RUN with --mount has other cache keys on Engine {} than on Engine {}",
                to.generation(),
                from.generation()
            ),
            Self::CopyLink if from.store == to.store => format!(
                "on the containerd store COPY --link has other cache keys on Engine {} than on Engine {}",
                to.generation(),
                from.generation()
            ),
            Self::CopyLink => format!(
                "COPY --link has other cache keys on the {} store than on the {} store",
                to.store.map_or_else(|| "other".into(), |s| s.to_string()),
                from.store.map_or_else(|| "other".into(), |s| s.to_string()),
            ),
            Self::CopyPattern => format!(
                "a COPY with * or ? in its sources has other cache keys on {to} than on {from}"
            ),
        }
    }

    /// What to do about it.
    pub fn remedy(self, from: &Engine, to: &Engine) -> String {
        match self {
            Self::Generation | Self::RunMount => format!(
                "export on an Engine {} host, or bring the site to Engine {}{}",
                to.generation(),
                from.generation(),
                if self == Self::RunMount {
                    ", or drop the --mount"
                } else {
                    ""
                }
            ),
            Self::CopyLink
                if from.generation() != to.generation() && to.store == Some(Store::Containerd) =>
            {
                format!(
                    "export on an Engine {} host with the containerd store, or drop --link",
                    to.generation()
                )
            }
            Self::CopyLink => format!(
                "export on an engine with the {} store, or drop --link",
                to.store.map_or_else(|| "site's".into(), |s| s.to_string())
            ),
            Self::CopyPattern => format!(
                "export on the site's engine, bring the site to Engine {}, or name the files without * and ?",
                from.version
            ),
        }
    }
}

/// Finds what misses when a cache made by `from` is used on `to`. Where the
/// site's store is not known, it is taken to be the same.
pub fn misses(closure: &Closure, from: &Engine, to: &Engine) -> Vec<Miss> {
    let mut all = Vec::new();
    for service in &closure.services {
        if let Some(build) = &service.build {
            all.extend(service_misses(&service.name, build, from, to));
        }
    }
    all
}

fn service_misses(service: &str, build: &BuildClosure, from: &Engine, to: &Engine) -> Vec<Miss> {
    let mut missing: BTreeMap<usize, (u32, Reason)> = BTreeMap::new();
    let mut all = Vec::new();
    for stage in &build.stages {
        let own = first_miss(stage, from, to);
        // What a stage starts from or uses comes before its own steps.
        let inherited = stage.depends_on.iter().find_map(|index| {
            let (_, reason) = missing.get(index)?;
            Some((stage.line, *reason))
        });
        let starts_from_missing =
            matches!(&stage.base, StageBase::Stage(index) if missing.contains_key(index));
        let Some((line, reason)) = (if starts_from_missing {
            inherited
        } else {
            own.or(inherited)
        }) else {
            continue;
        };
        missing.insert(stage.index, (line, reason));
        let reruns: Vec<&RunStep> = stage.runs.iter().filter(|run| run.line >= line).collect();
        all.push(Miss {
            service: service.to_owned(),
            stage: stage.name.clone(),
            file: build.dockerfile_path.clone(),
            line,
            reason,
            network: reruns
                .iter()
                .find_map(|run| Some((run.line, run.network_tool?))),
            reruns: reruns
                .iter()
                .map(|run| (run.line, run.command.clone()))
                .collect(),
        });
    }
    all
}

fn first_miss(stage: &StageClosure, from: &Engine, to: &Engine) -> Option<(u32, Reason)> {
    let (made, used) = (from.generation(), to.generation());
    let mut found: Vec<(u32, Reason)> = Vec::new();
    if made != used {
        if made.min(used) < SHARED_SINCE {
            found.push((stage.line, Reason::Generation));
        } else {
            let mounted = stage.runs.iter().filter(|run| !run.mounts.is_empty());
            found.extend(mounted.map(|run| (run.line, Reason::RunMount)));
        }
    }
    if from.patterns_as_now() != to.patterns_as_now() {
        let patterns = stage.copies.iter().filter(|copy| copy.by_pattern);
        found.extend(patterns.map(|copy| (copy.line, Reason::CopyPattern)));
    }
    if link_misses(from, to) {
        let links = stage.copy_links.iter();
        found.extend(links.map(|line| (*line, Reason::CopyLink)));
    }
    found.into_iter().min_by_key(|(line, _)| *line)
}

/// Measured on all eight pairs: it hits from 28.5 to 28.5 on either store, and from
/// 28.5 to 26.1 on graphdrivers alone.
fn link_misses(from: &Engine, to: &Engine) -> bool {
    let (Some(made), Some(used)) = (from.store, to.store) else {
        return false;
    };
    made != used || used == Store::Containerd && from.generation() != to.generation()
}

impl Engine {
    /// The versions whose keys of a COPY by patterns are this one's, in words.
    pub(crate) fn sharing_patterns(&self) -> String {
        let (generation, minor) = PATTERNS_SHARED_SINCE;
        if self.patterns_as_now() {
            format!("{generation}.{minor} or newer")
        } else {
            format!("older than {generation}.{minor}")
        }
    }

    /// A version without a second number is taken for the newest of its generation.
    fn patterns_as_now(&self) -> bool {
        let mut numbers = self.version.trim_start_matches('v').split(['.', '-', '+']);
        let minor = numbers.nth(1).and_then(|n| n.parse().ok());
        (self.generation(), minor.unwrap_or(u32::MAX)) >= PATTERNS_SHARED_SINCE
    }
}
