//! Which services have another image than the one they run.

use std::collections::{BTreeMap, BTreeSet};

use super::kept::Kept;
use crate::engine::{Docker, ServiceContainer};
use crate::error::Failure;
use crate::project::{Project, Service};

/// A service that is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) service: String,
    /// The name of its image, by which Compose finds it.
    pub(super) image: String,
    /// Whether the engine has that image.
    pub(super) here: bool,
    /// The ID of the image that it ran before the build, if it ran.
    pub(super) before: Option<String>,
    /// Whether the image holds something else than it did, or nothing runs.
    pub(super) changed: bool,
}

/// The services that were asked for, and those that they depend on; all if none was
/// named. What runs no image is not looked at.
fn asked<'a>(project: &'a Project, services: &[String]) -> Vec<&'a Service> {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let mut next: Vec<&str> = services.iter().map(String::as_str).collect();
    if next.is_empty() {
        next.extend(project.services.iter().map(|s| s.name.as_str()));
    }
    while let Some(name) = next.pop() {
        if names.insert(name)
            && let Some(service) = project.service(name)
        {
            next.extend(service.depends_on.iter().map(String::as_str));
        }
    }
    let all = project.services.iter();
    all.filter(|s| names.contains(s.name.as_str()) && s.image.is_some())
        .collect()
}

/// Compares what ran before the build with what is there now.
pub(super) fn wanted(
    docker: &Docker,
    project: &Project,
    services: &[String],
    before: &[ServiceContainer],
    kept: &Kept<'_>,
) -> Result<Vec<Wanted>, Failure> {
    let mut all: Vec<Wanted> = asked(project, services)
        .into_iter()
        .filter_map(|service| of_service(service, before))
        .collect();
    let mut names: BTreeSet<String> = all.iter().map(|w| w.image.clone()).collect();
    names.extend(kept.names().cloned());
    let names: Vec<String> = names.into_iter().collect();
    let images = docker.local_images(&names)?;
    for one in &mut all {
        let now = images.get(&one.image);
        let then = one.before.as_ref().and_then(|id| kept.name(id));
        let then = then.and_then(|name| images.get(name));
        one.here = now.is_some();
        one.changed = match (now, then) {
            (Some(now), Some(then)) => !now.holds_the_same(then),
            // It goes on running, whatever became of its name.
            (None, Some(_)) => false,
            (_, None) => true,
        };
    }
    Ok(all)
}

/// `None` for what runs no image.
fn of_service(service: &Service, before: &[ServiceContainer]) -> Option<Wanted> {
    let image = service.image.as_ref()?;
    let runs = |c: &&ServiceContainer| {
        let status = c.state.status.as_str();
        c.service() == service.name && matches!(status, "running" | "restarting" | "paused")
    };
    let running: Vec<&ServiceContainer> = before.iter().filter(runs).collect();
    let asked_by = running.first().map(|c| c.config.image.clone());
    // docker-compose 1 joins the names of project and service otherwise; a pin may have a
    // name of its own here.
    let own = [image.to_string(), image.familiar(), image.load_name()];
    let same = |name: &String| {
        !service.image_is_explicit
            || own.contains(name)
            || crate::reference::ImageReference::parse(name).is_ok_and(|name| name == *image)
    };
    let mut by_image: BTreeMap<&str, usize> = BTreeMap::new();
    for container in &running {
        *by_image.entry(&container.image).or_default() += 1;
    }
    // Of several containers, what most of them run.
    let most = by_image.into_iter().max_by_key(|(_, count)| *count);
    Some(Wanted {
        service: service.name.clone(),
        image: asked_by.filter(same).unwrap_or_else(|| image.load_name()),
        here: false,
        before: most.map(|(image, _)| image.to_owned()),
        changed: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{ContainerConfig, ContainerState};
    use crate::reference::ImageReference;

    fn service(name: &str, image: Option<&str>, depends_on: &[&str]) -> Service {
        Service {
            name: name.into(),
            image: image.map(|i| ImageReference::parse(i).unwrap()),
            image_is_explicit: true,
            depends_on: depends_on.iter().map(|&s| s.into()).collect(),
            ..Service::default()
        }
    }

    fn runs(service: &str, name: &str, image: &str, status: &str) -> ServiceContainer {
        ServiceContainer {
            image: image.into(),
            config: ContainerConfig {
                image: name.into(),
                labels: Some(BTreeMap::from([(
                    "com.docker.compose.service".into(),
                    service.into(),
                )])),
            },
            state: ContainerState {
                status: status.into(),
                ..ContainerState::default()
            },
            ..ServiceContainer::default()
        }
    }

    #[test]
    fn what_a_service_depends_on_runs_with_it() {
        let project = Project {
            services: vec![
                service("api", Some("api"), &["db"]),
                service("db", Some("postgres"), &[]),
                service("model", None, &[]),
                service("page", Some("page"), &["api"]),
            ],
            ..Project::default()
        };
        let names = |services: &[String]| -> Vec<String> {
            let asked = asked(&project, services);
            asked.iter().map(|s| s.name.clone()).collect()
        };
        assert_eq!(names(&["api".into()]), ["api", "db"]);
        assert_eq!(names(&[]), ["api", "db", "page"]);
    }

    #[test]
    fn the_name_that_the_container_was_made_by_is_kept() {
        let before = [runs("api", "shop_api", "sha256:1", "running")];
        let mut api = service("api", Some("shop-api"), &[]);
        api.image_is_explicit = false;
        let wanted = of_service(&api, &before).unwrap();
        assert_eq!(wanted.image, "shop_api", "that of docker-compose 1");
        assert_eq!(wanted.before.as_deref(), Some("sha256:1"));

        let other = service("api", Some("shop/api:2"), &[]);
        let wanted = of_service(&other, &before).unwrap();
        assert_eq!(wanted.image, "shop/api:2", "the Compose file names another");

        let ended = [runs("api", "shop_api", "sha256:1", "exited")];
        assert_eq!(of_service(&api, &ended).unwrap().before, None);
    }
}
