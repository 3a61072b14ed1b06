//! Git repositories: the files of a commit, and its history as a bundle that git clones
//! from. Neither git nor a network is needed on site.

mod checkout;
mod command;
mod error;

use std::fs::File;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::marks::Marks;
use super::place::{Counted, Placing};
use super::tree;
use super::{
    Declared, Error as CarriedError, Fetched, Kind, Origin, Planned, Restored, Site, State,
    entries, kept, layer, place_of,
};
use crate::bundle::Carried;
use crate::error::Failure;
use crate::event::{Event, Warning};
use crate::layout::{Descriptor, Layout, Progress};
use crate::project::{OfflineGit, Project};
use checkout::{Checkout, Resolved, resolve, some};
use command::{Git, shown_git};

use error::Error;

/// The kind.
#[derive(Debug)]
pub(super) struct Repositories;

const NAME: &str = "git";
const ARTIFACT: &str = "application/vnd.docker-offline.git.v1+json";
/// gitformat-bundle(5).
const BUNDLE: &str = "application/x-git-bundle";
/// What the file with the history ends with, beside the tree.
const ENDING: &str = ".bundle";

/// What `bundle.json` says of one.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Detail {
    /// The repository, without credentials.
    url: String,
    /// The branch or tag, as `refs/...`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    commit: String,
    submodules: bool,
    lfs: bool,
}

impl Detail {
    fn of(one: &OfflineGit, what: &Resolved) -> Self {
        Self {
            url: shown_git(&one.url),
            name: what.name.clone(),
            commit: what.commit.clone(),
            submodules: one.submodules,
            lfs: one.lfs,
        }
    }
}

impl Kind for Repositories {
    fn name(&self) -> &'static str {
        NAME
    }

    fn comes_first(&self) -> bool {
        true
    }

    fn plan(&self, origin: &Origin<'_>) -> Result<Vec<Planned>, Failure> {
        let mut all = Vec::new();
        for several in entries::wanted::<OfflineGit>(origin).into_values() {
            let one = several[0];
            let what = resolve(&git(origin, one)?, one)?;
            let held = held(origin, one, &what);
            let from = format!("{} at {}", shown_git(&one.url), what.commit);
            let size = held.map(|carried| carried.size);
            all.push(Planned::of(NAME, &several, from, size));
        }
        Ok(all)
    }

    fn propose(&self, _: &Origin<'_>) -> Result<Vec<String>, Failure> {
        Ok(Vec::new())
    }

    fn fetch(
        &self,
        origin: &Origin<'_>,
        planned: &Planned,
        layout: &Layout,
        progress: Progress<'_>,
    ) -> Result<Fetched, Failure> {
        let one: &OfflineGit = entries::planned(origin, planned)?;
        let git = git(origin, one)?;
        let what = resolve(&git, one)?;
        let (root, size, new_bytes) = match held(origin, one, &what) {
            Some(carried) => (carried.root, carried.size, 0),
            None => store(origin, &git, one, &what, layout, progress)?,
        };
        let named = what.name.as_ref().map(|name| format!(" ({name})"));
        origin.reporter.event(Event::Note(format!(
            "{}{} is carried as it is now, at commit {}{}",
            git.place,
            git.shown(),
            what.commit,
            named.unwrap_or_default()
        )));
        Ok(Fetched {
            new_bytes,
            carried: planned.stored(root, size, Detail::of(one, &what)),
        })
    }

    fn declared(&self, project: &Project) -> Vec<Declared> {
        entries::declared::<OfflineGit>(project)
    }

    fn restore(
        &self,
        site: &Site<'_>,
        carried: &Carried,
        progress: Progress<'_>,
    ) -> Result<Restored, Failure> {
        let target = site.project.directory.join(&carried.name);
        let replace = site.replace.takes(&carried.name);
        let what = layer::what(carried);
        let layers = layer::all(site.layout, carried, ARTIFACT, 2)?;
        let open = || layer::tar(site, &layers[0].digest, &what);
        let placing = Placing {
            what: &what,
            target: &target,
            open: &open,
            counts: Counted::All,
        };
        // Sources are there to be edited.
        let marks = Marks::of(site.layout.path(), NAME, &target.to_string_lossy());
        let root = carried.root.digest.to_string();
        let left_alone = !replace && marks.is_done(&root) && target.symlink_metadata().is_ok();
        let mut state = if left_alone {
            State::Kept
        } else {
            placing.run(replace, progress)?
        };
        if !matches!(state, State::Refused(_)) {
            if !marks.is_done(&root) {
                marks.begin()?;
                marks.end(&root)?;
            }
            let history = history(site, &what, &layers[1], &target, replace, progress)?;
            if history != State::Kept {
                state = history;
            }
        }
        Ok(Restored::of(carried, target.display().to_string(), state))
    }
}

/// Puts the history beside the tree.
fn history(
    site: &Site<'_>,
    what: &str,
    blob: &Descriptor,
    tree: &std::path::Path,
    replace: bool,
    progress: Progress<'_>,
) -> Result<State, Failure> {
    let mut target = tree.as_os_str().to_owned();
    target.push(ENDING);
    let open = || Ok(layer::as_file(site, blob, "bundle", 0o644));
    let placing = Placing {
        what,
        target: &PathBuf::from(target),
        open: &open,
        counts: Counted::All,
    };
    placing.run(replace, progress)
}

fn git<'a>(origin: &Origin<'a>, one: &'a OfflineGit) -> Result<Git<'a>, CarriedError> {
    let place = place_of(one.location.as_ref());
    let git = Git::new(origin.reach, origin.docker, place, &one.url);
    let trust = origin.reach.ca_file.clone().unwrap_or_default();
    git.map_err(CarriedError::io("read", &trust))
}

/// What the bundle has of the same commit.
fn held(origin: &Origin<'_>, one: &OfflineGit, what: &Resolved) -> Option<Carried> {
    let wanted = serde_json::to_value(Detail::of(one, what)).ok()?;
    kept(origin.bundle, NAME, &one.target, ARTIFACT).filter(|carried| carried.detail == wanted)
}

/// Fetches it into the layout; gives the artifact, its size and what of it is new.
fn store(
    origin: &Origin<'_>,
    git: &Git<'_>,
    one: &OfflineGit,
    what: &Resolved,
    layout: &Layout,
    progress: Progress<'_>,
) -> Result<(Descriptor, u64, u64), Failure> {
    let checkout = Checkout::get(git, one, what, layout.path())?;
    if !checkout.pointers.is_empty() {
        origin.reporter.event(Event::Warning(Warning {
            what: format!(
                "{} has files whose content git-lfs keeps elsewhere",
                git.shown()
            ),
            subject: one.location.as_ref().map(ToString::to_string),
            why: Some(format!(
                "only their pointers are carried: {}",
                some(&checkout.pointers).join(", ")
            )),
            remedy: Some("add `lfs: true` to the entry, with git-lfs installed here".into()),
        }));
    }
    let top = one.target.rsplit('/').next().unwrap_or(&one.target);
    let packed = layer::pack(origin.docker, layout, |out| {
        Ok(tree::write(&checkout.tree(), top, out, progress)?)
    })?;
    let bundle = checkout.bundle();
    let failed = |source| CarriedError::io("read", &bundle)(source);
    let mut file = File::open(&bundle).map_err(failed)?;
    let mut writer = layout.blob_writer()?;
    io::copy(&mut file, &mut writer).map_err(failed)?;
    let history = writer.commit(None)?;
    let layers = vec![
        packed.layer.clone(),
        Descriptor::new(BUNDLE, history.digest, history.size),
    ];
    let root = layout.write_artifact(ARTIFACT, layers)?;
    let size = packed.layer.size + history.size + root.size;
    let new = packed.new_bytes + if history.new { history.size } else { 0 };
    Ok((root, size, new))
}
