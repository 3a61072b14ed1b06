//! What ADD fetches comes from the bundle here: to our builds, and to plain Compose.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Error;
use super::placeholders::clear;
use crate::bundle::{Record, copied_dockerfiles, original_dockerfile};
use crate::closure::{BuildClosure, Closure};
use crate::error::Failure;
use crate::layout::Layout;
use crate::project::Project;
use crate::stages::give_fetched;

/// The services that fetch by ADD what the bundle does not hold, each with the reason
/// why it cannot be built here.
pub(super) fn not_held(closure: &Closure, record: &Record) -> BTreeMap<String, String> {
    let lacking = closure
        .fetched
        .iter()
        .filter(|f| !record.holds_fetched(&f.id));
    let reason = |at: String, what: String| {
        format!("its build fetches {what} ({at}), which the bundle does not hold")
    };
    lacking
        .map(|f| {
            (
                f.service.clone(),
                reason(f.location().to_string(), f.shown()),
            )
        })
        .collect()
}

/// Lays what the bundle holds into a folder, and gives it to the builds.
pub(super) fn lay(
    project: &mut Project,
    closure: &Closure,
    record: &Record,
    layout: &Layout,
    folder: &Path,
) -> Result<(), Failure> {
    clear(folder)?;
    if let Some(held) = record
        .fetched
        .as_ref()
        .filter(|_| !closure.fetched.is_empty())
    {
        let files = std::path::absolute(folder.join("files")).map_err(Error::write(folder))?;
        let wanted: BTreeSet<&str> = closure.fetched.iter().map(|f| f.id.as_str()).collect();
        held.lay(layout, &files, |id| wanted.contains(id))?;
        give_fetched(project, closure, &files);
    }
    Ok(())
}

/// Copies of Dockerfiles for Compose, by service: those that read what was fetched.
#[derive(Debug, Clone, Default)]
pub(super) struct Copies {
    by_service: BTreeMap<String, Copy>,
}

/// A copy of a Dockerfile.
#[derive(Debug, Clone)]
pub(super) struct Copy {
    pub(super) path: PathBuf,
    /// Whether it stands for one within the Compose file.
    pub(super) inline: bool,
}

impl Copies {
    /// Writes a copy for each service that fetches by ADD and of which all is held.
    pub(super) fn write(closure: &Closure, record: &Record, folder: &Path) -> Result<Self, Error> {
        let lacking = not_held(closure, record);
        let mut copies = Self::default();
        for (name, build, path) in copied_dockerfiles(closure, folder) {
            if !lacking.contains_key(&name) {
                copies.by_service.insert(name, copy(build, &path)?);
            }
        }
        Ok(copies)
    }

    pub(super) fn of(&self, service: &str) -> Option<&Copy> {
        self.by_service.get(service)
    }

    /// The services that are built from a copy.
    pub(super) fn services(&self) -> Vec<String> {
        self.by_service.keys().cloned().collect()
    }
}

fn copy(build: &BuildClosure, path: &Path) -> Result<Copy, Error> {
    let original = original_dockerfile(build);
    let path = std::path::absolute(path).map_err(Error::write(path))?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::write(folder))?;
    }
    std::fs::write(&path, &build.named_dockerfile).map_err(Error::write(&path))?;
    // The ignore file that is for this Dockerfile alone.
    let ignore = |path: &Path| {
        let mut name = path.as_os_str().to_owned();
        name.push(".dockerignore");
        PathBuf::from(name)
    };
    if let Some(from) = original.as_deref().map(ignore).filter(|p| p.is_file()) {
        std::fs::copy(&from, ignore(&path)).map_err(Error::write(&from))?;
    }
    Ok(Copy {
        path,
        inline: original.is_none(),
    })
}
