//! Which images the project's own services build.

use std::collections::BTreeMap;

use crate::project::Project;
use crate::reference::ImageReference;

/// The services by the images they build.
pub(super) struct Siblings<'a>(BTreeMap<String, Vec<&'a str>>);

impl<'a> Siblings<'a> {
    pub(super) fn of(project: &'a Project) -> Self {
        let mut builders: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for service in &project.services {
            let Some(build) = &service.build else {
                continue;
            };
            let tags = build
                .tags
                .iter()
                .filter_map(|t| ImageReference::parse(t).ok());
            for image in service.image.iter().cloned().chain(tags) {
                builders
                    .entry(image.to_string())
                    .or_default()
                    .push(&service.name);
            }
        }
        Self(builders)
    }

    /// The service that builds this image for another one.
    ///
    /// A service may tag its image with the name of its own base (`image:
    /// nginx`, `FROM nginx`): its base then comes from the registry.
    pub(super) fn builder(&self, image: &ImageReference, for_service: &str) -> Option<&'a str> {
        let builders = self.0.get(&image.to_string())?;
        if builders.contains(&for_service) {
            return None;
        }
        builders.first().copied()
    }
}
