use std::path::{Path, PathBuf};

use super::container::Container;
use super::overriding::state_of;
use super::state::State;
use crate::build::tell_compose::{OVERRIDE_FILE, after_stay};
use crate::bundle::{Located, locate};
use crate::engine::{Docker, own_image};
use crate::error::Failure;
use crate::project::{self, ProjectOptions};

/// What was taken away.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Left {
    /// Whether there was a replay service.
    pub container: bool,
    /// Its images that no other project's service needs.
    pub images: Vec<String>,
    /// The generated Compose file.
    pub override_file: Option<PathBuf>,
    /// The folder with rewritten Dockerfiles.
    pub folder: Option<PathBuf>,
}

impl Left {
    /// Whether nothing was there.
    pub fn is_nothing(&self) -> bool {
        !self.container
            && self.images.is_empty()
            && self.override_file.is_none()
            && self.folder.is_none()
    }
}

/// Undoes `--stay`: container, image, generated files. What was built stays built.
pub fn leave(
    docker: &Docker,
    options: &ProjectOptions,
    bundle: Option<&Path>,
    cache_dir: Option<&Path>,
) -> Result<Left, Failure> {
    let directory = project::directory(options)?;
    let mut left = Left::default();
    let beside = directory.join(OVERRIDE_FILE);
    let mut folders = Vec::new();
    if let Some(folder) = state_of(&beside) {
        let bundle = folder.parent().unwrap_or(&folder);
        left.override_file = after_stay(&beside, bundle)?;
        // Only what has the name that we give is removed for what a file says.
        folders.push(bundle.to_owned());
    }
    if let Ok(Located::Directory(found)) = locate(bundle, cache_dir, &directory) {
        folders.push(found);
    }
    for folder in folders {
        let state = State::of(&folder);
        if state.remove()? {
            left.folder = Some(state.path().to_owned());
        }
    }
    let container = Container {
        docker,
        directory: &directory,
        project: "",
    };
    left.container = container.remove()?;
    for name in own_image::all(docker)? {
        // Another project's service may still run in it: then it cannot be removed.
        if docker.output(["image", "rm", &name]).is_ok() {
            left.images.push(name);
        }
    }
    Ok(left)
}
