use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::closure::{BuildClosure, Closure};
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
        Self::write_each(closure, |_, build| Some(&build.named_dockerfile))
    }

    /// Writes other texts in their place, by service; a service without one has no
    /// copy.
    pub fn write_texts(closure: &Closure, texts: &BTreeMap<String, String>) -> Result<Self, Error> {
        Self::write_each(closure, |service, _| texts.get(service))
    }

    fn write_each<'a>(
        closure: &'a Closure,
        text: impl Fn(&str, &'a BuildClosure) -> Option<&'a String>,
    ) -> Result<Self, Error> {
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
            let Some(text) = text(&service.name, build).filter(|_| !build.stages.is_empty()) else {
                continue;
            };
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
            std::fs::write(&copy, text).map_err(failed(&copy))?;
            if let Some(original) = original {
                copy_ignore_file(original, &copy)?;
            }
            by_service.insert(service.name.clone(), copy);
        }
        Ok(Self { folder, by_service })
    }

    /// Writes another text of a service's Dockerfile, with the ignore file that is for
    /// it alone, into a folder of its own: an earlier one may be in use. Gives the
    /// file and that folder.
    pub fn write_rewritten(&self, service: &str, text: &str) -> Result<(PathBuf, PathBuf), Error> {
        let folder = self.folder.path();
        let own = tempfile::Builder::new()
            .prefix("rewritten-")
            .tempdir_in(folder)
            .map_err(|source| Error::new(folder, source))?
            .keep();
        let copy = self.of(service);
        let name = copy.and_then(Path::file_name);
        let path = own.join(name.unwrap_or(OsStr::new("Dockerfile")));
        std::fs::write(&path, text).map_err(|source| Error::new(&path, source))?;
        if let Some(copy) = copy {
            copy_ignore_file(copy, &path)?;
        }
        Ok((path, own))
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

/// `NAME.dockerignore` beside a Dockerfile goes with it.
fn copy_ignore_file(from: &Path, to: &Path) -> Result<(), Error> {
    let beside = |path: &Path| {
        let mut name = path.as_os_str().to_owned();
        name.push(".dockerignore");
        PathBuf::from(name)
    };
    let source = beside(from);
    if source.is_file() {
        std::fs::copy(&source, beside(to)).map_err(|e| Error::new(&source, e))?;
    }
    Ok(())
}
