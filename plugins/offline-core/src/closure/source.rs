//! The Dockerfile of a service, read and parsed.

use std::path::PathBuf;

use super::Error;
use crate::dockerfile::{self, Dockerfile};
use crate::project::{
    BuildContext, BuildTarget, DockerfileSource, Location, Project, existing_dockerfile,
};

pub(super) struct Source {
    /// The Dockerfile, or the Compose file that holds it.
    pub(super) path: PathBuf,
    pub(super) line_offset: u32,
    pub(super) text: String,
    pub(super) dockerfile: Dockerfile,
}

impl Source {
    /// Reads the Dockerfile; nothing where it lies in a remote context.
    pub(super) fn read(
        project: &Project,
        service: &str,
        build: &BuildTarget,
    ) -> Result<Option<Self>, Error> {
        build.check(service)?;
        let (path, line_offset, text) = match (&build.dockerfile, &build.context) {
            (DockerfileSource::Inline(text), _) => (
                inline_path(project, service, build),
                build.inline_offset,
                text.clone(),
            ),
            (DockerfileSource::File(_), BuildContext::Remote(_)) => return Ok(None),
            (DockerfileSource::File(file), BuildContext::Directory(_)) => {
                let path = existing_dockerfile(file).unwrap_or_else(|| file.clone());
                let bytes = std::fs::read(&path).map_err(|source| Error::Io {
                    service: service.to_owned(),
                    path: path.clone(),
                    source,
                })?;
                (path, 0, String::from_utf8_lossy(&bytes).into_owned())
            }
        };
        let dockerfile = dockerfile::parse(&text, &path).map_err(|source| Error::Dockerfile {
            service: service.to_owned(),
            source: dockerfile::Error {
                line: source.line + line_offset,
                ..source
            },
        })?;
        Ok(Some(Self {
            path,
            line_offset,
            text,
            dockerfile,
        }))
    }

    pub(super) fn location(&self, line: u32) -> Location {
        Location::new(&self.path, Some(line + self.line_offset))
    }

    /// An error of this file, told with the service's name.
    pub(super) fn error(&self, service: &str, error: dockerfile::Error) -> Error {
        let line = error.line + self.line_offset;
        Error::Dockerfile {
            service: service.to_owned(),
            source: dockerfile::Error { line, ..error }.in_file(&self.path),
        }
    }
}

fn inline_path(project: &Project, service: &str, build: &BuildTarget) -> PathBuf {
    let of_service = project.service(service).and_then(|s| s.location.as_ref());
    build
        .location
        .as_ref()
        .or(of_service)
        .map(|l| l.file.clone())
        .or_else(|| project.files.first().cloned())
        .unwrap_or_else(|| PathBuf::from("compose.yaml"))
}
