use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::{BuildTarget, Offline, RunNeeds, Starts};
use crate::event::Warning;
use crate::reference::ImageReference;

/// A Compose project as far as images and builds are concerned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Project {
    /// The project's name, from which default image names are made.
    pub name: String,
    /// The project directory, absolute.
    pub directory: PathBuf,
    /// The Compose files that were read, absolute, in order.
    pub files: Vec<PathBuf>,
    /// The active services, by name.
    pub services: Vec<Service>,
    /// Services that no active profile enables, by name.
    pub hidden: Vec<HiddenService>,
    /// Variables that Compose replaced by nothing because they are not set.
    pub unset_variables: Vec<String>,
    /// Whether the files were read without Compose, which is not installed.
    pub without_compose: bool,
    /// The variables of secrets that are set in an env file (`.env`) alone: Compose
    /// gives them to buildx, and so must whoever builds.
    pub secret_variables: BTreeMap<String, String>,
    /// Services of which an `env_file` is missing, where that was passed over: their
    /// lists, with every file made optional.
    pub optional_env_files: BTreeMap<String, Vec<serde_yaml::Value>>,
    /// What is to be carried besides images (`x-offline`).
    pub offline: Offline,
}

/// A service that is not part of this run because of its profiles.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct HiddenService {
    /// The service's name.
    pub name: String,
    /// The profiles that would enable it.
    pub profiles: Vec<String>,
}

/// A line of a file, for messages.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct Location {
    /// The file.
    pub file: PathBuf,
    /// The 1-based line, where it could be found.
    pub line: Option<u32>,
}

impl Location {
    /// A line of a file.
    pub fn new(file: impl AsRef<Path>, line: Option<u32>) -> Self {
        Self {
            file: file.as_ref().to_owned(),
            line,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        match self.line {
            Some(line) => write!(f, ":{line}"),
            None => Ok(()),
        }
    }
}

/// A service of the project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The image it runs. For a service that is built and names none, Compose's
    /// default `<project>-<service>`; none for services that run no image
    /// (`provider`).
    pub image: Option<ImageReference>,
    /// Whether the Compose file names the image.
    pub image_is_explicit: bool,
    /// How it is built, if it is.
    pub build: Option<BuildTarget>,
    /// `pull_policy`.
    pub pull_policy: Option<String>,
    /// `platform`.
    pub platform: Option<String>,
    /// The services started before it.
    pub depends_on: Vec<String>,
    /// Images mounted as volumes (`type: image`).
    pub image_volumes: Vec<ImageReference>,
    /// What it asks of the host that it runs on.
    pub run: RunNeeds,
    /// What it does when it starts.
    pub starts: Starts,
    /// Where the service begins in a Compose file, where found.
    pub location: Option<Location>,
}

impl Project {
    /// Gives every build these arguments, before those of the Compose file, as
    /// `docker compose build --build-arg` does.
    pub fn set_arguments(&mut self, arguments: &BTreeMap<String, String>) {
        for build in self.services.iter_mut().filter_map(|s| s.build.as_mut()) {
            let given = arguments.iter().map(|(k, v)| (k.clone(), Some(v.clone())));
            build.args.extend(given);
        }
    }

    /// What the user should know of how the project was read.
    pub fn reading_warning(&self) -> Option<Warning> {
        self.without_compose.then(|| Warning {
            what: "Compose is not installed: its files were read without it".into(),
            subject: None,
            why: Some(
                "keys that Compose would refuse as misspelt are passed over, and files that `include` or `extends` fetch from elsewhere are refused".into(),
            ),
            remedy: Some(
                "where Compose is installed, compare with: docker compose config".into(),
            ),
        })
    }

    /// The service of this name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|s| s.name == name)
    }
}
