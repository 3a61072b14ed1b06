use crate::closure::{self, Closure, Platform};
use crate::engine::{self, Docker};
use crate::error::{Failure, Kind};
use crate::project::{self, Project, ProjectOptions};

/// The Compose project beside the bundle, as far as it could be read.
#[derive(Debug)]
pub enum Sources {
    /// It was read, and what it asks for is known.
    Read(Box<Project>, Box<Closure>),
    /// There is no Compose file.
    Absent(Failure),
    /// docker or Compose is missing, which other rules say.
    Unreadable,
    /// A Compose file, a Dockerfile or what they name is broken.
    Broken(Failure),
}

impl Sources {
    /// Reads the project without going out for what it includes.
    pub(super) fn project_of(
        docker: &Docker,
        options: &ProjectOptions,
    ) -> Result<Project, project::Error> {
        // A remote `include` would be fetched: diagnosis waits for no network
        // (compose, `pkg/remote/git.go` and `oci.go`).
        let docker = docker
            .clone()
            .with_env("COMPOSE_EXPERIMENTAL_GIT_REMOTE", "false")
            .with_env("COMPOSE_EXPERIMENTAL_OCI_REMOTE", "false");
        project::read_for_builds(&docker, options)
    }

    /// Finds what these services of a project ask for.
    pub(super) fn resolve(
        project: Result<Project, project::Error>,
        services: &[String],
        platform: &Platform,
    ) -> Self {
        let project = match project {
            Ok(project) => project,
            Err(project::Error::Engine(
                engine::Error::ComposeMissing | engine::Error::DockerMissing,
            )) => return Self::Unreadable,
            Err(error) => {
                let failure = Failure::from(error);
                return if failure.kind() == Kind::NoComposeFile {
                    Self::Absent(failure)
                } else {
                    Self::Broken(failure)
                };
            }
        };
        match closure::resolve(&project, services, platform) {
            Ok(closure) => Self::Read(Box::new(project), Box::new(closure)),
            Err(error) => Self::Broken(error.into()),
        }
    }

    /// The project, where it was read.
    pub fn project(&self) -> Option<&Project> {
        match self {
            Self::Read(project, _) => Some(project),
            _ => None,
        }
    }

    /// What the project asks for, where it was read.
    pub fn closure(&self) -> Option<&Closure> {
        match self {
            Self::Read(_, closure) => Some(closure),
            _ => None,
        }
    }
}
