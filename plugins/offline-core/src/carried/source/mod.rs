//! The project's own folder, so that one folder is all that is carried.
//!
//! ```text
//! what git does not ignore + what git tracks + what builds and Compose read
//!     - .git - what exports and builds of ours have written
//! ```
//!
//! `docker offline build` leaves it alone: it is unpacked once, before there is a project.

mod asked;
mod left;
mod look;
#[cfg(test)]
mod tests;
mod tracked;
mod unpack;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Declared, Fetched, Kind, Origin, Planned, Restored, Site, entries, layer, tree};
use crate::bundle::Carried;
use crate::error::Failure;
use crate::event::Warning;
use crate::layout::{Layout, Progress};
use crate::project::Project;

pub use look::Looking;
pub use unpack::{UnpackedSource, unpack};

pub(super) const NAME: &str = "source";
const ARTIFACT: &str = "application/vnd.docker-offline.source.v1+json";

/// What travels of a project's folder.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The folder that is carried: the project's own, or the git work tree that it lies in,
    /// where builds need something of that.
    root: PathBuf,
    /// The project's folder, from there on; empty where it is the same.
    project: PathBuf,
    /// What travels, from there on, with the folders it lies in.
    paths: BTreeSet<PathBuf>,
    /// Folders of it that exports and builds write into.
    ours: BTreeSet<PathBuf>,
    /// Bytes of its files.
    bytes: u64,
    /// What the user should know of it.
    notes: Vec<String>,
    /// What a site will lack.
    warnings: Vec<Warning>,
}

impl Source {
    /// What a site will lack.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    fn those(&self) -> tree::Those<'_> {
        tree::Those {
            paths: &self.paths,
            ours: &self.ours,
        }
    }

    /// Its name in the bundle, and that of the tree's top entry.
    fn name(&self) -> String {
        let name = self.root.file_name().unwrap_or_default();
        let plain: String = name
            .to_string_lossy()
            .chars()
            .map(|c| if c.is_control() { '_' } else { c })
            .collect();
        if plain.is_empty() {
            "project".into()
        } else {
            plain
        }
    }
}

/// What `bundle.json` says of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    entries: u64,
    bytes: u64,
    left_out: usize,
    /// The project's folder in it, with slashes; empty where it is the whole.
    #[serde(default)]
    project: String,
}

/// The kind.
#[derive(Debug)]
pub(super) struct Sources;

impl Kind for Sources {
    fn name(&self) -> &'static str {
        NAME
    }

    /// As near as can be to what is built.
    fn comes_first(&self) -> bool {
        true
    }

    fn plan(&self, origin: &Origin<'_>) -> Result<Vec<Planned>, Failure> {
        let sources = origin.source.into_iter();
        let planned = sources.map(|s| Planned::by_flag(NAME, s.name(), &s.root, s.bytes));
        Ok(planned.collect())
    }

    fn propose(&self, origin: &Origin<'_>) -> Result<Vec<String>, Failure> {
        Ok(origin.source.map_or_else(Vec::new, |s| s.notes.clone()))
    }

    fn fetch(
        &self,
        origin: &Origin<'_>,
        planned: &Planned,
        layout: &Layout,
        progress: Progress<'_>,
    ) -> Result<Fetched, Failure> {
        let source = origin.source;
        let source = source.ok_or_else(|| entries::not_declared(&planned.name))?;
        let stored = layer::store(origin.docker, layout, ARTIFACT, |out| {
            let (root, those) = (&source.root, Some(source.those()));
            let written = tree::write_those(root, &planned.name, those, out, progress)?;
            Ok(written)
        })?;
        let detail = Detail {
            entries: stored.given.entries,
            bytes: stored.given.bytes,
            left_out: stored.given.left_out.len(),
            project: source.project.to_string_lossy().into_owned(),
        };
        Ok(Fetched {
            new_bytes: stored.new_bytes,
            carried: planned.stored(stored.root, stored.size, detail),
        })
    }

    /// No project declares where it lies itself.
    fn declared(&self, _: &Project) -> Vec<Declared> {
        Vec::new()
    }

    fn restore(
        &self,
        _: &Site<'_>,
        carried: &Carried,
        _: Progress<'_>,
    ) -> Result<Restored, Failure> {
        Err(entries::not_declared(&carried.name).into())
    }
}

/// A path from a folder on; `None` outside of it.
fn below<'a>(path: &'a Path, root: &Path) -> Option<&'a Path> {
    path.strip_prefix(root).ok()
}
