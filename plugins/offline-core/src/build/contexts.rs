//! Contexts that builds fetch come from the bundle here: to our builds, and to plain
//! Compose.

use std::collections::BTreeSet;
use std::path::Path;

use super::Error;
use super::placeholders::clear;
use crate::bundle::Record;
use crate::closure::{self, Closure, Platform, RemoteContext, give_contexts, remote_contexts};
use crate::error::Failure;
use crate::layout::Layout;
use crate::project::Project;

/// What is laid for this site, in the folder of generated files.
const FOLDER: &str = "contexts";

/// What a bundle holds, and where it is laid.
pub(super) struct Carried<'a> {
    pub(super) record: &'a Record,
    pub(super) layout: &'a Layout,
    /// The folder of generated files.
    pub(super) folder: &'a Path,
}

impl Carried<'_> {
    /// Lays what the bundle holds of the contexts of these services, and gives the project
    /// that is built from there, with its closure.
    pub(super) fn lay(
        &self,
        mut project: Project,
        mut closure: Closure,
        services: &[String],
        platform: &Platform,
    ) -> Result<(Project, Closure), Failure> {
        let folder = self.folder.join(FOLDER);
        clear(&folder)?;
        let folder = std::path::absolute(&folder).map_err(Error::write(&folder))?;
        let mut given: BTreeSet<RemoteContext> = BTreeSet::new();
        let mut laid: BTreeSet<String> = BTreeSet::new();
        loop {
            let mut new = remote_contexts(&project, &closure);
            new.retain(|one| self.record.holds_fetched(&one.id) && given.insert(one.clone()));
            if new.is_empty() {
                return Ok((project, closure));
            }
            let ids: BTreeSet<String> = new.iter().map(|one| one.id.clone()).collect();
            if let Some(held) = &self.record.fetched {
                let is_new = |id: &str| ids.contains(id) && !laid.contains(id);
                held.lay(self.layout, &folder, is_new)?;
            }
            laid.extend(ids);
            // What no folder can stand for was not carried, as the export has said.
            give_contexts(&mut project, &new, &folder).map_err(Error::write(&folder))?;
            closure = closure::resolve_to_build(&project, services, platform)?;
        }
    }
}
