use std::collections::BTreeSet;
use std::path::Path;

use super::inspected::{Inspected, Mount};
use super::{CarriedContainer, Error};
use crate::closure::{Closure, NeededImage, Role};
use crate::engine::Docker;
use crate::error::Failure;
use crate::project::{Location, MountSource, OfflineContainer, Project, Service};
use crate::reference::ImageReference;

/// Finds the containers that a flag or `x-offline` names, and the images that they become.
/// Asks, and changes nothing.
pub(in crate::export) fn find(
    docker: &Docker,
    project: &Project,
    closure: &Closure,
    flags: &[String],
) -> Result<Vec<CarriedContainer>, Failure> {
    let mut all: Vec<CarriedContainer> = Vec::new();
    for wanted in &wanted(project, closure, flags) {
        let (name, location) = (&wanted.name, &wanted.location);
        let not_running = |state: String| Error::NotRunning {
            name: name.clone(),
            state,
            location: location.clone(),
        };
        let found = Inspected::of(docker, name)?;
        let found = found.ok_or_else(|| not_running("does not exist".into()))?;
        if !matches!(found.state.status.as_str(), "running" | "paused") {
            return Err(not_running(format!("is {}", found.state.status)).into());
        }
        let image = image(project, wanted, &found)?;
        check(project, closure, &image, name, location.as_ref())?;
        if let Some(other) = all.iter().find(|other| other.image == image) {
            return Err(Error::Taken {
                name: name.clone(),
                image: image.familiar(),
                why: format!("that is the container {} already", other.name),
                location: location.clone(),
            }
            .into());
        }
        all.push(CarriedContainer {
            name: found.name.trim_start_matches('/').to_owned(),
            services: runners(project, &image),
            image,
            location: location.clone(),
            changed: found.size_rw,
            whole: found.size_root_fs,
            left: left(project, name, &found.mounts),
        });
    }
    Ok(all)
}

/// What is named, each once: what a flag names and `x-offline` too is as that says.
fn wanted(project: &Project, closure: &Closure, flags: &[String]) -> Vec<OfflineContainer> {
    let declared = project.offline.containers.iter();
    let of_export = |one: &&OfflineContainer| {
        let service = one.service.as_ref();
        service.is_none_or(|service| closure.service(service).is_some())
            || flags.contains(&one.name)
    };
    let mut all: Vec<OfflineContainer> = declared.filter(of_export).cloned().collect();
    all.extend(flags.iter().map(|name| OfflineContainer {
        name: name.clone(),
        image: None,
        service: None,
        location: None,
    }));
    let mut seen = BTreeSet::new();
    all.retain(|one| seen.insert(one.name.clone()));
    all
}

/// The image that a container becomes: what is said, or that of the service whose
/// container it is, by Compose's own labels, by name, or by its image.
fn image(
    project: &Project,
    wanted: &OfflineContainer,
    found: &Inspected,
) -> Result<ImageReference, Error> {
    if let Some(image) = &wanted.image {
        return Ok(image.clone());
    }
    let of_project = found.label("com.docker.compose.project") == Some(&project.name);
    let label = found.label("com.docker.compose.service");
    let made = label.filter(|_| of_project);
    let name = found.name.trim_start_matches('/');
    let of_image = ImageReference::parse(&found.config.image).ok();
    let is: [&dyn Fn(&Service) -> bool; 3] = [
        &|s| made == Some(&s.name),
        &|s| s.run.container_name.as_deref() == Some(name),
        &|s| s.image.is_some() && s.image == of_image,
    ];
    let service = is
        .into_iter()
        .find_map(|is| project.services.iter().find(|s| is(s)));
    service
        .and_then(|s| s.image.clone())
        .ok_or_else(|| Error::Unasked {
            name: wanted.name.clone(),
            image: found.config.image.clone(),
            location: wanted.location.clone(),
        })
}

/// Fails where the site would make the image anew, or where a build needs another one of
/// that name.
fn check(
    project: &Project,
    closure: &Closure,
    image: &ImageReference,
    name: &str,
    location: Option<&Location>,
) -> Result<(), Error> {
    let taken = |why: String| Error::Taken {
        name: name.to_owned(),
        image: image.familiar(),
        why,
        location: location.cloned(),
    };
    let is_it = |s: &&Service| s.build.is_some() && s.image.as_ref() == Some(image);
    if let Some(service) = project.services.iter().find(is_it) {
        return Err(taken(format!(
            "the site builds that image for service {}",
            service.name
        )));
    }
    let of_builds = |needed: &&NeededImage| {
        let runs = |role: &Role| matches!(role, Role::Service | Role::Named);
        needed.reference == *image && !needed.roles.iter().all(runs)
    };
    match closure.images.iter().find(of_builds) {
        Some(needed) => Err(taken(format!(
            "builds need that image as it is ({})",
            needed.wanted_as()
        ))),
        None => Ok(()),
    }
}

fn runners(project: &Project, image: &ImageReference) -> BTreeSet<String> {
    let services = project.services.iter();
    services
        .filter(|s| s.image.as_ref() == Some(image))
        .map(|s| s.name.clone())
        .collect()
}

/// What a container mounts, which is no part of its image: a sentence for each, with the
/// lines that would carry it.
fn left(project: &Project, container: &str, mounts: &[Mount]) -> Vec<String> {
    let offline = &project.offline;
    let mut all = Vec::new();
    for mount in mounts {
        let Mount {
            kind,
            name,
            source,
            destination,
        } = mount;
        let words = match kind.as_str() {
            "volume" if offline.volumes.iter().any(|v| v.volume.name == *name) => continue,
            "volume" => match key_of(project, name) {
                Some(key) => format!(
                    "the volume {name} at {destination}, which is not carried; to carry it: x-offline: {{volumes: [{key}]}}"
                ),
                None if is_anonymous(name) => format!(
                    "a volume without a name at {destination}, which is not carried; to carry it, mount a volume of the Compose file there, copy the content into it (docker cp {container}:{destination} .), and name that volume in x-offline: {{volumes: [...]}}"
                ),
                None => format!(
                    "the volume {name} at {destination}, which is not carried; to carry it, name it in volumes: of the Compose file and in a service ({{external: true, name: {name}}}), and then: x-offline: {{volumes: [...]}}"
                ),
            },
            "bind"
                if offline
                    .files
                    .iter()
                    .any(|f| source.starts_with(&*f.source.to_string_lossy())) =>
            {
                continue;
            }
            // It lies where the project's folder is carried.
            "bind" if Path::new(source).starts_with(&project.directory) => continue,
            "bind" => format!(
                "{source} of the host at {destination}, which is not carried; to carry it: x-offline: {{files: [{{path: {source}}}]}}"
            ),
            _ => continue,
        };
        all.push(format!("the container {container} mounts {words}"));
    }
    all
}

/// The key by which the Compose file knows a volume.
fn key_of<'a>(project: &'a Project, name: &str) -> Option<&'a str> {
    let mut mounts = project.offline.mounts.iter();
    mounts.find_map(|mount| match &mount.source {
        MountSource::Volume(volume) if volume.name == name => Some(volume.key.as_str()),
        _ => None,
    })
}

/// Docker names a volume that nobody has named by 32 bytes in hex.
fn is_anonymous(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
#[path = "find_tests.rs"]
mod tests;
