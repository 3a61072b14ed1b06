use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::closure::Closure;
use crate::error::{Explain, Kind, io_kind};
use crate::project::{BuildContext, DockerfileSource};

/// Copies of the project's Dockerfiles in which every stage has a name.
///
/// An unnamed stage cannot be targeted by number, and stage names are no part of
/// any cache key. The user's own files are not touched.
#[derive(Debug)]
pub struct Dockerfiles {
    folder: TempDir,
    by_service: BTreeMap<String, PathBuf>,
}

/// A copy could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}", path = path.display())]
pub struct Error {
    path: PathBuf,
    source: std::io::Error,
}

impl Error {
    pub(super) fn new(path: &Path, source: std::io::Error) -> Self {
        let path = path.to_owned();
        Self { path, source }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        io_kind(&self.source)
    }
    fn hint(&self) -> Option<String> {
        Some("free space in the folder for temporary files, or name another one with TMPDIR".into())
    }
}

impl Dockerfiles {
    /// Writes the copies into a temporary folder that lives as long as this value.
    pub fn write(closure: &Closure) -> Result<Self, Error> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error { path, source }
        };
        let temp = std::env::temp_dir();
        let folder = tempfile::Builder::new()
            .prefix("docker-offline-")
            .tempdir()
            .map_err(failed(&temp))?;
        let mut by_service = BTreeMap::new();
        for (number, service) in closure.services.iter().enumerate() {
            let Some(build) = &service.build else {
                continue;
            };
            if build.stages.is_empty() {
                continue;
            }
            let own = folder.path().join(number.to_string());
            std::fs::create_dir(&own).map_err(failed(&own))?;
            let original = match (&build.dockerfile, &build.context) {
                (DockerfileSource::File(path), BuildContext::Directory(_)) => Some(path),
                _ => None,
            };
            // BuildKit looks for NAME.dockerignore beside the Dockerfile before
            // it looks for .dockerignore in the context.
            let name = original
                .and_then(|p| p.file_name())
                .map_or_else(|| "Dockerfile".into(), std::ffi::OsStr::to_os_string);
            let copy = own.join(&name);
            std::fs::write(&copy, &build.named_dockerfile).map_err(failed(&copy))?;
            if let Some(original) = original {
                let mut ignore = name.clone();
                ignore.push(".dockerignore");
                let source = original.with_file_name(&ignore);
                if source.is_file() {
                    std::fs::copy(&source, own.join(&ignore)).map_err(failed(&source))?;
                }
            }
            by_service.insert(service.name.clone(), copy);
        }
        Ok(Self { folder, by_service })
    }

    /// The folder, for other files of the same life.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The copy for a service.
    pub fn of(&self, service: &str) -> Option<&Path> {
        self.by_service.get(service).map(PathBuf::as_path)
    }
}
