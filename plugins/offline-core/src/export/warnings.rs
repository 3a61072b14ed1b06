use std::collections::BTreeMap;

use crate::closure::{Closure, StageBase};
use crate::compatibility::{Engine, misses};
use crate::engine::Store;
use crate::event::Warning;
use crate::project::Project;

/// What the user should know before the export: what is not carried, and what
/// another engine will not find. Also says how many steps a named site loses.
pub(super) fn warnings(
    project: &Project,
    closure: &Closure,
    made: &Engine,
    site: Option<&Engine>,
) -> (Vec<Warning>, usize) {
    let mut all: Vec<Warning> = Vec::from_iter(project.reading_warning());
    for name in &project.unset_variables {
        all.push(Warning {
            what: format!("the variable {name} is not set; Compose puts nothing in its place"),
            subject: None,
            why: None,
            remedy: Some(format!(
                "set {name} in .env, or give it a default: ${{{name}:-value}}"
            )),
        });
    }
    for one in &closure.unbundled {
        let line = one.line.map(|l| format!(":{l}")).unwrap_or_default();
        all.push(Warning {
            what: format!(
                "service {}: {} is fetched by the build and is not in the bundle",
                one.service, one.what
            ),
            subject: Some(format!("{}{line}", one.file.display())),
            why: Some("BuildKit asks its server again in every build, cached or not".into()),
            remedy: Some("put it into the build context and COPY it".into()),
        });
    }
    if let Some(site) = site {
        let (found, lost) = named_site(closure, made, site);
        all.extend(found);
        (all, lost)
    } else {
        all.extend(unknown_site(closure, made));
        (all, 0)
    }
}

/// The site is known: name each step that will run again there.
fn named_site(closure: &Closure, made: &Engine, site: &Engine) -> (Vec<Warning>, usize) {
    let mut all = Vec::new();
    let mut lost = 0;
    for miss in misses(closure, made, site) {
        let build = closure
            .service(&miss.service)
            .and_then(|s| s.build.as_ref());
        let offset = build.map_or(0, |b| b.line_offset);
        let what = match &miss.network {
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
            remedy: Some(miss.reason.remedy(made, site)),
        });
    }
    (all, lost)
}

/// The site is not known: say on which sites the caches will not hold.
fn unknown_site(closure: &Closure, made: &Engine) -> Vec<Warning> {
    let mut all = Vec::new();
    let other_store = match made.store {
        Some(Store::Graphdriver) => Store::Containerd,
        _ => Store::Graphdriver,
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
                    format!("service {}: COPY --link misses the cache on sites with the {other_store} store", service.name),
                    "its cache keys differ between image stores".to_owned(),
                ),
                Doubt::Mount => (
                    format!("service {}: RUN --mount hits the cache only on sites with Engine {}", service.name, made.generation()),
                    "BuildKit's keys for mounts differ between engine generations".to_owned(),
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
                remedy: Some("name the site's engine to know for sure: --site-engine VERSION,overlay2|containerd".into()),
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
    Sibling,
}
