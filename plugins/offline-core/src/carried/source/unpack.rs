//! Puts a project's folder onto a site, where nothing is yet.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use serde::Serialize;

use super::super::ahead::Ahead;
use super::super::place::{Counted, Placing, is_root};
use super::super::tree::{self, Choice};
use super::super::{Error, State};
use super::{ARTIFACT, Detail, NAME, layer};
use crate::error::Failure;
use crate::event::{Task, Work};
use crate::layout::Progress;

/// What was unpacked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnpackedSource {
    /// Its name in the bundle.
    pub name: String,
    /// Where it is now.
    pub folder: PathBuf,
    /// The project's folder in it.
    pub project: PathBuf,
    /// What was done.
    pub state: State,
    /// The bundle it came from.
    pub bundle: PathBuf,
}

/// Unpacks the source that a bundle carries into a folder that does not exist or is empty.
/// One that holds the very same is left as it is, and every other one refused.
pub fn unpack(from: &Ahead<'_>, target: &Path) -> Result<UnpackedSource, Failure> {
    let target = real(target)?;
    let above = target.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(above).map_err(Error::io("make", above))?;
    let taken = from.take(NAME, above)?;
    let carried = &taken.all[0];
    let what = layer::what(carried);
    let layers = layer::all(&taken.layout, carried, ARTIFACT, 1)?;
    let open = || -> Result<Box<dyn Read>, Failure> {
        let stored = layer::open_blob(from.docker, &taken.layout, &layers[0].digest)?;
        let decoded = layer::decoded(stored).map_err(Error::unreadable(&what))?;
        Ok(Box::new(decoded))
    };
    let placing = Placing {
        what: &what,
        target: &target,
        open: &open,
        counts: Counted::All,
    };
    let work = Work::Restore {
        kind: NAME,
        name: carried.name.clone(),
    };
    let task = Task::start(from.reporter, work, Some(carried.size));
    let state = put(&placing, &|bytes| task.advance(bytes));
    // What an interrupt has broken is not its reason.
    from.docker.check_interrupt()?;
    Ok(UnpackedSource {
        name: carried.name.clone(),
        project: inside(&target, &project(&carried.detail)),
        state: state?,
        bundle: taken.place.clone(),
        folder: target,
    })
}

/// Where a folder is, links followed as far as there are any.
fn real(target: &Path) -> Result<PathBuf, Error> {
    match target.canonicalize() {
        Ok(real) => Ok(real),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            std::path::absolute(target).map_err(Error::io("find", target))
        }
        Err(error) => Err(Error::io("find", target)(error)),
    }
}

fn put(placing: &Placing<'_>, progress: Progress<'_>) -> Result<State, Failure> {
    let target = placing.target;
    let Ok(metadata) = target.symlink_metadata() else {
        placing.anew(is_root(), progress)?;
        return Ok(State::Written);
    };
    let occupied = |why: String| Error::Occupied {
        path: target.to_owned(),
        why,
    };
    if !metadata.is_dir() {
        return Err(occupied("it is no folder".into()).into());
    }
    let mut entries = target.read_dir().map_err(Error::io("read", target))?;
    if entries.next().is_none() {
        return empty(placing, &metadata, progress);
    }
    let found = tree::compare(&mut (placing.open)()?, placing.what, target, is_root())?;
    let mut differing = found.differing;
    let missing = found.missing.into_iter();
    differing.extend(missing.map(|path| (path, "it is not there")));
    if differing.is_empty() {
        return Ok(State::Kept);
    }
    Err(occupied(placing.differences(&differing)).into())
}

/// A folder in which nothing is: another one takes its place, unless it is a disk.
fn empty(
    placing: &Placing<'_>,
    metadata: &fs::Metadata,
    progress: Progress<'_>,
) -> Result<State, Failure> {
    let target = placing.target;
    let above = target.parent().and_then(|above| above.metadata().ok());
    if above.is_some_and(|above| above.dev() == metadata.dev()) {
        placing.anew(is_root(), progress)?;
        return Ok(State::Written);
    }
    let mut tar = (placing.open)()?;
    let laid = tree::lay(
        &mut tar,
        placing.what,
        target,
        &Choice::All,
        is_root(),
        progress,
    );
    if laid.is_err() {
        for entry in target.read_dir().into_iter().flatten().flatten() {
            let path = entry.path();
            let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
        }
    }
    laid?;
    Ok(State::Written)
}

/// Joined with nothing, a path would end with a slash.
fn inside(target: &Path, project: &Path) -> PathBuf {
    if project.as_os_str().is_empty() {
        target.to_owned()
    } else {
        target.join(project)
    }
}

/// The project's folder in what was unpacked, which never leads out of it.
fn project(detail: &serde_json::Value) -> PathBuf {
    let detail: Option<Detail> = serde_json::from_value(detail.clone()).ok();
    let path = detail.map(|detail| PathBuf::from(detail.project));
    path.filter(|path| path.components().all(|c| matches!(c, Component::Normal(_))))
        .unwrap_or_default()
}
