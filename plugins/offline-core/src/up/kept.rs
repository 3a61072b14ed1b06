//! The images that run now keep a name until the new ones are known to run.

use std::collections::BTreeMap;

use crate::engine::{Docker, Error, ServiceContainer, own_image};

/// The repository of these names.
const NAME: &str = "docker-offline.invalid/before";

/// Names for the images of containers, taken away when this is dropped, after an
/// interrupt too.
pub(super) struct Kept<'a> {
    docker: &'a Docker,
    /// By the ID of an image.
    names: BTreeMap<String, String>,
}

impl<'a> Kept<'a> {
    /// Names the image of each container. One whose image the engine has no more has
    /// nothing to be put back to.
    pub(super) fn of(
        docker: &'a Docker,
        project: &str,
        containers: &[ServiceContainer],
    ) -> Result<Self, Error> {
        let mut kept = Self {
            docker,
            names: BTreeMap::new(),
        };
        kept.remove_left(project)?;
        for container in containers {
            let image = &container.image;
            if kept.names.contains_key(image) {
                continue;
            }
            let name = name(project, image);
            match docker.tag(image, &name) {
                Ok(()) => {
                    kept.names.insert(image.clone(), name);
                }
                Err(Error::Failed { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(kept)
    }

    /// The name that an image has kept.
    pub(super) fn name(&self, image: &str) -> Option<&str> {
        self.names.get(image).map(String::as_str)
    }

    /// All names.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.names.values()
    }

    /// Takes away what a command has left that was killed.
    fn remove_left(&self, project: &str) -> Result<(), Error> {
        let prefix = name(project, "");
        let mut left = own_image::all_as(self.docker, NAME)?;
        left.retain(|name| name.starts_with(&prefix));
        if left.is_empty() {
            return Ok(());
        }
        self.docker.untag(&left)
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        let names: Vec<String> = self.names.values().cloned().collect();
        if !names.is_empty() {
            // What is left all the same, the next call takes away.
            let _ = self.docker.clone().without_interrupt().untag(&names);
        }
    }
}

/// The name that an image keeps; a project's name has no dot.
fn name(project: &str, image: &str) -> String {
    let project: String = project.chars().take(100).collect();
    let id = image.trim_start_matches("sha256:");
    let id: String = id.chars().take(12).collect();
    format!("{NAME}:{project}.{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_for_any_project() {
        let image = format!("sha256:{}", "0123456789abcdef".repeat(4));
        for project in ["shop", "_shop-2_", &"x".repeat(200)] {
            let name = name(project, &image);
            let tag = name.rsplit(':').next().unwrap();
            assert!(tag.len() <= 128 && tag.ends_with(".0123456789ab"), "{name}");
        }
        assert!(!name("shop-2", &image).starts_with(&name("shop", "")));
    }
}
