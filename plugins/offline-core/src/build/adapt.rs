//! The project as this site can build it.

use crate::closure::Closure;
use crate::engine::Store;
use crate::project::Project;

/// Takes out of every build what goes out for nothing, or what this engine's image
/// store refuses. None of it is part of a cache key.
///
/// - Caches of the project's own: a registry's cannot be asked here, and with more than
///   one source the hits are random (engine fact 4).
/// - `sbom`, whose scanner is an image that no bundle carries; `provenance` too where
///   the store keeps no attestations.
/// - All platforms but the one that is built for here.
/// - `pull`.
pub(super) fn adapt(project: &mut Project, closure: &Closure, store: Store) {
    for service in &mut project.services {
        let Some(build) = &mut service.build else {
            continue;
        };
        build.cache_from.clear();
        build.cache_to.clear();
        build.sbom = None;
        if store == Store::Graphdriver {
            build.provenance = None;
        }
        build.pull = false;
        let own = closure.service(&service.name);
        if let Some(own) = own.and_then(|s| s.build.as_ref())
            && build.platforms.len() > 1
        {
            build.platforms = vec![own.platform.clone()];
        }
    }
}

/// What is to be known of it: what a build here makes no more than the file asks for.
pub(super) fn notes(written: &Project, here: &Project) -> Vec<String> {
    let mut all = Vec::new();
    for (service, now) in written.services.iter().zip(&here.services) {
        let (Some(was), Some(is)) = (&service.build, &now.build) else {
            continue;
        };
        let mut say = |key: &str, why: &str| {
            let place = written.line_of(&["services", &service.name, "build", key]);
            let place = place.map_or_else(String::new, |l| format!("{l}: "));
            all.push(format!("{place}service {}: {why}.", service.name));
        };
        if was.sbom != is.sbom {
            say(
                "sbom",
                "no sbom is made here, as its scanner is an image that no bundle carries",
            );
        }
        if was.provenance != is.provenance {
            say(
                "provenance",
                "no provenance is kept here, as this image store has no place for it",
            );
        }
        if was.platforms != is.platforms {
            let own = is.platforms.join(", ");
            say("platforms", &format!("built for {own} alone here"));
        }
    }
    all
}
