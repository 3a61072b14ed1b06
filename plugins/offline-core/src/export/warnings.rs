use std::collections::BTreeMap;

use crate::closure::{Closure, StageBase};
use crate::compatibility::{ENGINE_WATCHES_SINCE, Engine, Obstacle, ObstacleOf, misses};
use crate::engine::Store;
use crate::event::Warning;
use crate::project::Project;

/// What the user should know before the export: what is not carried, and what
/// another engine will not find. Also says how many steps a named site loses.
pub(super) fn warnings(
    project: &Project,
    closure: &Closure,
    carried: Carried<'_>,
    made: &Engine,
    site: Option<&Engine>,
) -> (Vec<Warning>, usize) {
    let mut all: Vec<Warning> = Vec::from_iter(project.reading_warning());
    all.extend(not_understood(closure));
    if !has_buildkit(site) {
        all.extend(refusals(closure, carried));
    }
    if let Some(site) = site {
        let (found, lost) = named_site(closure, carried, made, site);
        all.extend(found);
        (all, lost)
    } else {
        all.extend(unknown_site(closure, carried, made));
        (all, 0)
    }
}

/// Since when an engine builds with BuildKit by itself.
const BUILDKIT_SINCE: u32 = 23;

/// Whether the site is known, and builds with BuildKit: what the classic builder does not
/// know is nothing to it.
pub(super) fn has_buildkit(site: Option<&Engine>) -> bool {
    site.is_some_and(|site| site.generation() >= BUILDKIT_SINCE)
}

/// What the bundle will hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Carried<'a> {
    /// What network steps fetch, so that they can run again on site.
    pub(super) network: bool,
    /// What the classic builder does not know, by service.
    pub(super) obstacles: &'a BTreeMap<String, Vec<Obstacle>>,
}

impl Carried<'_> {
    /// Whether the classic builder can build this service.
    fn by_classic(self, service: &str) -> bool {
        self.obstacles.get(service).is_some_and(Vec::is_empty)
    }
}

/// Instructions that are passed over: what they ask for is not known here.
fn not_understood(closure: &Closure) -> Vec<Warning> {
    let builds = closure.services.iter().filter_map(|s| s.build.as_ref());
    let mut all: Vec<Warning> = builds
        .flat_map(|build| build.not_understood.iter().map(move |one| (build, one)))
        .map(|(build, (line, keyword))| Warning {
            what: format!("{keyword} is an instruction that is not known here; it is passed over"),
            subject: Some(build.location(*line).to_string()),
            why: Some(
                "the frontend of # syntax= may have it, and the engine reads the file by itself"
                    .into(),
            ),
            remedy: Some(
                "see that it names no image and fetches nothing: both would be missing on site"
                    .into(),
            ),
        })
        .collect();
    all.dedup();
    all
}

/// What of the services the classic builder does not know.
fn refusals(closure: &Closure, carried: Carried<'_>) -> Vec<Warning> {
    let mut all = Vec::new();
    for (name, obstacles) in carried.obstacles.iter().filter(|(_, o)| !o.is_empty()) {
        let build = closure.service(name).and_then(|s| s.build.as_ref());
        let Some(build) = build else { continue };
        let mut lines: Vec<String> = obstacles.iter().map(|o| o.line.to_string()).collect();
        lines.dedup();
        let mut whats: Vec<&str> = obstacles.iter().map(|o| o.what.as_str()).collect();
        whats.sort_unstable();
        whats.dedup();
        let whole = obstacles.iter().any(|o| o.of == ObstacleOf::Build);
        let then = if whole {
            "its image is carried, and not rebuilt there"
        } else {
            "it goes on after these lines, and builds no edit of what comes before"
        };
        all.push(Warning {
            what: format!("service {name}: the classic builder cannot build all of it; with --classic {then}"),
            subject: Some(format!("{}:{}", build.dockerfile_path.display(), lines.join(","))),
            why: Some(format!("it does not know {}", whats.join(", "))),
            remedy: Some("nothing, where the site builds with BuildKit; for sites with --classic, write these lines without it".into()),
        });
    }
    all
}

/// The site is known: name each step that will run again there.
fn named_site(
    closure: &Closure,
    carried: Carried<'_>,
    made: &Engine,
    site: &Engine,
) -> (Vec<Warning>, usize) {
    let mut all = Vec::new();
    let mut lost = 0;
    for miss in misses(closure, made, site) {
        let build = closure
            .service(&miss.service)
            .and_then(|s| s.build.as_ref());
        let offset = build.map_or(0, |b| b.line_offset);
        let by_classic = carried.by_classic(&miss.service);
        let network = carried.network && site.generation() >= ENGINE_WATCHES_SINCE;
        let what = match &miss.network {
            _ if by_classic => format!(
                "service {}: on {site}, BuildKit runs steps of stage {} again; only build --classic finds them",
                miss.service, miss.stage
            ),
            Some((line, tool)) if network => format!(
                "service {}: on {site} the {tool} step at line {} will run again, answered from the recorded network",
                miss.service,
                line + offset
            ),
            Some((line, tool)) => {
                lost += 1;
                format!(
                    "service {}: on {site} the {tool} step at line {} will run again, and has no network there",
                    miss.service,
                    line + offset
                )
            }
            None => format!(
                "service {}: on {site}, {} RUN steps of stage {} will run again",
                miss.service,
                miss.reruns.len(),
                miss.stage
            ),
        };
        all.push(Warning {
            what,
            subject: build.map(|b| b.location(miss.line).to_string()),
            why: Some(miss.reason.words(made, site)),
            remedy: Some(if by_classic {
                "build there with: docker offline build --classic".into()
            } else if network {
                "build there with docker offline build; plain docker compose build does not use the recording unless docker offline build --stay has been run".into()
            } else {
                miss.reason.remedy(made, site)
            }),
        });
    }
    (all, lost)
}

/// The site is not known: say on which sites the caches will not hold.
fn unknown_site(closure: &Closure, carried: Carried<'_>, made: &Engine) -> Vec<Warning> {
    let mut all = Vec::new();
    let other_store = match made.store {
        Some(Store::Graphdriver) => Store::Containerd,
        _ => Store::Graphdriver,
    };
    let elsewhere = match made.store {
        Some(Store::Containerd) => format!(
            "the {other_store} store or another Engine than {}",
            made.generation()
        ),
        _ => format!("the {other_store} store"),
    };
    for service in &closure.services {
        let Some(build) = &service.build else {
            continue;
        };
        let file = build.dockerfile_path.display();
        let mut lines: BTreeMap<Doubt, Vec<u32>> = BTreeMap::new();
        for stage in &build.stages {
            lines
                .entry(Doubt::Link)
                .or_default()
                .extend(&stage.copy_links);
            let mounts = stage.runs.iter().filter(|r| !r.mounts.is_empty());
            lines
                .entry(Doubt::Mount)
                .or_default()
                .extend(mounts.map(|r| r.line));
            let patterns = stage.copies.iter().filter(|copy| copy.by_pattern);
            lines
                .entry(Doubt::Pattern)
                .or_default()
                .extend(patterns.map(|copy| copy.line));
            if made.store == Some(Store::Graphdriver)
                && let StageBase::SiblingService(_) = &stage.base
            {
                lines.entry(Doubt::Sibling).or_default().push(stage.line);
            }
        }
        for (kind, lines) in lines.into_iter().filter(|(_, l)| !l.is_empty()) {
            let list: Vec<String> = lines
                .iter()
                .map(|line| (line + build.line_offset).to_string())
                .collect();
            let (what, why) = match kind {
                Doubt::Link => (
                    format!("service {}: COPY --link misses the cache on sites with {elsewhere}", service.name),
                    "its cache keys differ between image stores".to_owned(),
                ),
                Doubt::Mount => (
                    format!("service {}: RUN --mount hits the cache only on sites with Engine {}", service.name, made.generation()),
                    "BuildKit's keys for mounts differ between engine generations".to_owned(),
                ),
                Doubt::Pattern => (
                    format!("service {}: a COPY with * or ? hits the cache only on sites with Engine {}", service.name, made.sharing_patterns()),
                    "BuildKit computes other keys for it from Engine 29.1 on".to_owned(),
                ),
                Doubt::Sibling => (
                    format!("service {}: builds upon another service's image; on containerd sites an edit there runs its steps again", service.name),
                    "a containerd store knows that image by its manifest, which each build writes anew".to_owned(),
                ),
            };
            all.push(Warning {
                what,
                subject: Some(format!("{file}:{}", list.join(","))),
                why: Some(why),
                remedy: Some(format!(
                    "{}name the site's engine to know for sure: --site-engine VERSION,overlay2|containerd",
                    if carried.network { "docker offline build runs such steps there with the recorded network; " } else { "" }
                )),
            });
        }
    }
    all
}

/// What may not hold on a site that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Doubt {
    Link,
    Mount,
    Pattern,
    Sibling,
}
