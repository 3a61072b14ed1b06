//! The names by which Compose looks for the image of a service.

use crate::engine::EngineInfo;
use crate::project::Project;
use crate::reference::ImageReference;

/// All of them, the service's own first; none where the project has no such service.
pub(super) fn of(project: &Project, engine: &EngineInfo, service: &str) -> Vec<String> {
    let Some(found) = project.service(service) else {
        return Vec::new();
    };
    let own = found.image.as_ref().map(ImageReference::familiar);
    let tags = found.build.iter().flat_map(|b| b.tags.iter().cloned());
    let mut names: Vec<String> = own.into_iter().chain(tags).collect();
    // docker-compose v1 joins the names of project and service otherwise.
    if !found.image_is_explicit && engine.compose.is_none() {
        names.push(format!("{}_{service}", project.name));
    }
    names
}
