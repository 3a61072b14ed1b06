//! The Compose project, read without Compose.
//!
//! For hosts that have no Compose plugin (Engine 20.10 as Debian ships it).
//! What Compose's own loader does to the files is done here again, as far as
//! an image or a build depends on it, in the order of compose-go's
//! `loader/loader.go`: YAML with its merge keys, interpolation, `include`,
//! `extends`, overlays, paths, profiles, checks. The result has the form that
//! `docker compose config` prints, so that all that follows is the same.
//!
//! `docker-compose-types` is not used: it denies unknown fields, which rejects
//! more than a quarter of real files, and merges neither files nor services.

mod canonical;
mod checks;
mod document;
mod dotenv;
mod environment;
mod extends;
mod include;
mod interpolate;
mod loader;
mod merge;
mod name;
mod normalize;
mod paths;
mod run_forms;
mod scalars;
mod select;

use std::path::Path;

use super::files::ComposeFiles;
use super::resolved::ResolvedProject;
use super::source_lines::Sources;
use super::{Error, ProjectOptions};

use environment::Environment;
use loader::Loader;
pub(super) use paths::is_remote;

/// A value of a Compose file; floats are already text as Compose prints them.
type Tree = serde_json::Value;
/// A mapping of a Compose file.
type Map = serde_json::Map<String, Tree>;

/// What was read.
pub(super) struct Raw {
    /// The services of this run.
    pub(super) asked: ResolvedProject,
    /// Those of every profile.
    pub(super) everything: ResolvedProject,
    /// Variables that are not set.
    pub(super) unset: Vec<String>,
}

/// Reads the files as Compose would.
pub(super) fn read(
    options: &ProjectOptions,
    found: &ComposeFiles,
    sources: &Sources,
) -> Result<Raw, Error> {
    if found.files.is_empty() {
        return Err(Error::Invalid {
            location: None,
            message: "a project on standard input can only be read by Compose".into(),
        });
    }
    let mut environment = Environment::of_project(options, &found.directory)?;
    let name = name::project_name(options, found, &environment, sources)?;
    environment.set("COMPOSE_PROJECT_NAME", &name);
    let loader = Loader::new(sources, &environment);
    let mut model = loader.model(&found.directory, &found.files, &[])?;
    normalize::normalize(&mut model, &environment);
    model.insert("name".into(), name.into());
    let profiles = select::profiles(options, &environment);
    let asked = select::select(&model, &profiles);
    checks::check(&asked, &model, sources)?;
    Ok(Raw {
        asked: resolved(asked)?,
        everything: resolved(model)?,
        unset: environment.unset(),
    })
}

/// Replaces the variables of a text as Compose does for this project; `None` where it
/// would refuse the text.
pub(super) fn interpolated(
    options: &ProjectOptions,
    directory: &Path,
) -> impl Fn(&str) -> Option<String> + use<> {
    let environment = Environment::of_project(options, directory).unwrap_or_default();
    move |text| interpolate::interpolate(text, &environment).ok()
}

fn resolved(model: Map) -> Result<ResolvedProject, Error> {
    serde_json::from_value(Tree::Object(model)).map_err(|error| Error::Invalid {
        location: None,
        message: error.to_string(),
    })
}

#[cfg(test)]
mod tests;
