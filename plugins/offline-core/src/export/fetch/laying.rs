use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::overlay::{Error, Overlay};
use crate::bundle::{Wanted, WantedService};
use crate::closure::Closure;
use crate::event::{Event, Reporter, Warning};
use crate::project::{BuildContext, BuildTarget, DockerfileSource, Project};

/// The copies that a request file is laid over; removed with this value.
#[derive(Debug)]
pub(super) struct Laid {
    folder: TempDir,
    /// The project's own Dockerfiles by service, for messages.
    dockerfiles: BTreeMap<String, PathBuf>,
}

impl Laid {
    /// Copies the build contexts of the services of a request file, lays what it
    /// brings over them, and makes the project build from there.
    pub(super) fn over(
        project: &mut Project,
        wanted: &Wanted,
        reporter: &dyn Reporter,
    ) -> Result<Self, Error> {
        let temp = std::env::temp_dir();
        let folder = tempfile::Builder::new()
            .prefix("docker-offline-fetch-")
            .tempdir()
            .map_err(|source| Error::Io { path: temp, source })?;
        let mut laid = Self {
            folder,
            dockerfiles: BTreeMap::new(),
        };
        for (number, service) in wanted.services.iter().enumerate() {
            let build = project
                .services
                .iter_mut()
                .find(|own| own.name == service.name)
                .and_then(|own| own.build.as_mut());
            if let Some(build) = build {
                laid.service(number, service, build, reporter)?;
            }
        }
        Ok(laid)
    }

    fn service(
        &mut self,
        number: usize,
        wanted: &WantedService,
        build: &mut BuildTarget,
        reporter: &dyn Reporter,
    ) -> Result<(), Error> {
        let text = &wanted.dockerfile.text;
        let BuildContext::Directory(original) = &build.context else {
            return Ok(());
        };
        let original = original.clone();
        let overlay = Overlay {
            service: &wanted.name,
            original: &original,
            folder: self.folder.path().join(number.to_string()),
        };
        let own = match &build.dockerfile {
            DockerfileSource::File(path) => Some(path.clone()),
            DockerfileSource::Inline(_) => None,
        };
        overlay.copy(own.as_deref())?;
        overlay.lay(&wanted.files)?;
        for file in &wanted.omitted {
            if let Some(what) = overlay.take(file)? {
                reporter.event(omitted(&wanted.name, file, &what));
            }
        }
        build.dockerfile = match own {
            None => DockerfileSource::Inline(text.clone()),
            Some(own) => {
                let below = own.strip_prefix(&original).ok().and_then(Path::to_str);
                let path = match below {
                    Some(below) => overlay.dockerfile(below, text)?,
                    None => self.elsewhere(number, wanted, &own)?,
                };
                self.dockerfiles.insert(wanted.name.clone(), own);
                DockerfileSource::File(path)
            }
        };
        build.context = BuildContext::Directory(overlay.folder);
        Ok(())
    }

    /// The place of a Dockerfile that does not lie in its context; the ignore file
    /// beside it goes with it.
    fn elsewhere(
        &self,
        number: usize,
        wanted: &WantedService,
        own: &Path,
    ) -> Result<PathBuf, Error> {
        let name = own.file_name().unwrap_or_default();
        let overlay = Overlay {
            service: &wanted.name,
            original: own,
            folder: self.folder.path().join(format!("{number}-dockerfile")),
        };
        std::fs::create_dir(&overlay.folder).map_err(|source| Error::Io {
            path: overlay.folder.clone(),
            source,
        })?;
        let path = overlay.dockerfile(&name.to_string_lossy(), &wanted.dockerfile.text)?;
        let ignore = |path: &Path| {
            let mut name = path.as_os_str().to_owned();
            name.push(".dockerignore");
            PathBuf::from(name)
        };
        let beside = ignore(own);
        if beside.is_file() {
            std::fs::copy(&beside, ignore(&path)).map_err(|source| Error::Io {
                path: beside,
                source,
            })?;
        }
        Ok(path)
    }

    /// Makes messages name the user's own Dockerfiles in place of the copies.
    pub(super) fn name_originals(&self, closure: &mut Closure) {
        for service in &mut closure.services {
            let own = self.dockerfiles.get(&service.name);
            if let (Some(build), Some(own)) = (&mut service.build, own) {
                build.dockerfile_path.clone_from(own);
            }
        }
    }
}

fn omitted(service: &str, file: &crate::bundle::OmittedFile, what: &str) -> Event {
    let path: String = file.path.chars().take(200).collect();
    Event::Warning(Warning {
        what: format!(
            "the request file does not hold {path} of service {service} ({} bytes): {what}",
            file.size
        ),
        subject: None,
        why: Some(file.why.chars().take(200).collect()),
        remedy: Some("if a network step needs it, put the site's file at its place here and run the same command again".into()),
    })
}
