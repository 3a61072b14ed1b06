use std::collections::BTreeMap;
use std::path::Path;

use super::super::bundle_view::BundleView;
use super::super::contexts::TakenContext;
use super::super::facts::Facts;
use super::super::machine::Machine;
use super::super::sources::Sources;
use super::super::trace::ServiceTrace;
use crate::engine::LocalImage;
use crate::error::Failure;
use crate::project::{Location, MissingEnvFile};

/// What the rules look at.
pub struct Situation<'a> {
    /// The engine and the tools.
    pub facts: &'a Facts,
    /// The bundle, or why there is none.
    pub bundle: Result<&'a dyn BundleView, &'a Failure>,
    /// Whether the user has named the bundle.
    pub bundle_named: bool,
    /// The bundle folder, or where an archive would be unpacked.
    pub unpacked: &'a Path,
    /// The project's folder.
    pub folder: &'a Path,
    /// The project.
    pub sources: &'a Sources,
    /// The images that the engine has of those asked for, by the name under
    /// which they are loaded; `None` where it cannot be asked.
    pub local: Option<&'a BTreeMap<String, LocalImage>>,
    /// What each service's build would find in the bundle's cache; only of
    /// services that the bundle was made for.
    pub traces: &'a [ServiceTrace],
    /// This machine.
    pub machine: &'a Machine,
    /// Every `env_file` that is missing.
    pub missing_env_files: &'a [MissingEnvFile],
    /// What each build takes from its context.
    pub contexts: &'a [TakenContext],
    /// This tool's version.
    pub tool_version: &'a str,
}

impl Situation<'_> {
    /// How many requests the bundle's recording answers to a step, if it runs here;
    /// nothing where it cannot be replayed.
    pub(super) fn recorded(&self, service: &str, stage: usize, line: u32) -> u64 {
        let mut traces = self.traces.iter().filter(|t| t.service == service);
        let step = traces.next().and_then(|trace| trace.step(stage, line));
        step.map_or(0, |step| step.recorded)
    }

    /// Whether the engine runs on this machine, so that what is read of the
    /// machine is true of the engine.
    pub(super) fn engine_is_here(&self) -> bool {
        self.facts.engine.as_ref().is_ok_and(|engine| engine.local)
    }

    /// Whether the engine has an image under the name of each that is asked for.
    pub(super) fn has_every_image(&self) -> bool {
        let (Some(local), Some(closure)) = (self.local, self.sources.closure()) else {
            return false;
        };
        let mut asked = closure.images.iter();
        asked.all(|image| local.contains_key(&image.reference.load_name()))
    }

    /// A place as a reader in the project's folder would write it.
    pub fn place(&self, location: &Location) -> String {
        let file = self.short(&location.file);
        match location.line {
            Some(line) => format!("{file}:{line}"),
            None => file,
        }
    }

    /// A path as a reader in the project's folder would write it.
    pub fn short(&self, path: &Path) -> String {
        match path.strip_prefix(self.folder) {
            Ok(below) if !below.as_os_str().is_empty() => below.display().to_string(),
            _ => path.display().to_string(),
        }
    }
}
