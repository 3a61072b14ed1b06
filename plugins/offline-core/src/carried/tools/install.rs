//! Installs plugins where the docker command of a site has none.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Serialize;

use super::super::Error;
use super::super::ahead::{Ahead, Taken};
use super::plugins::{CliPlugin, plugins};
use super::{ARTIFACT, Detail, NAME, PLUGINS, layer};
use crate::bundle::Carried;
use crate::engine::plugin_folders;
use crate::engine::plugins::METADATA;
use crate::error::Failure;

/// What became of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InstalledTool {
    /// Its file's name, like `docker-buildx`.
    pub name: String,
    /// Its version, as the machine that exported said.
    pub version: String,
    /// What was done.
    #[serde(flatten)]
    pub state: ToolState,
}

/// What was done with a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "what")]
pub enum ToolState {
    /// It is in this file now.
    Installed(PathBuf),
    /// The site has this one, which stays.
    There(PathBuf),
    /// It does not work here, and was not installed.
    Refused(String),
}

/// Installs the plugins that a bundle carries into a folder, but for those that the docker
/// command finds already, in whatever version.
pub fn install(from: &Ahead<'_>, folder: &Path) -> Result<Vec<InstalledTool>, Failure> {
    fs::create_dir_all(folder).map_err(Error::io("make", folder))?;
    let known = plugins(from.docker)?;
    let mut taken = None;
    let mut all = Vec::new();
    for carried in from.carried(NAME)? {
        from.docker.check_interrupt()?;
        // A bundle decides for no name: it would be a command of the site.
        let Some(name) = PLUGINS.iter().find(|name| carried.name == file_of(name)) else {
            continue;
        };
        let state = if let Some(path) = there(&known, name, folder) {
            ToolState::There(path)
        } else {
            // What is there need not be read out of an archive.
            let taken = match &mut taken {
                Some(taken) => taken,
                none => none.insert(from.take(NAME, folder)?),
            };
            put(from, taken, &carried, folder)?
        };
        let detail: Option<Detail> = serde_json::from_value(carried.detail.clone()).ok();
        all.push(InstalledTool {
            name: file_of(name),
            version: detail.map_or_else(String::new, |detail| detail.version),
            state,
        });
    }
    Ok(all)
}

fn file_of(name: &str) -> String {
    format!("docker-{name}")
}

/// The plugin that the site has, whether it works or not.
fn there(known: &[CliPlugin], name: &str, folder: &Path) -> Option<PathBuf> {
    let told = known.iter().find(|one| one.name == name);
    let mut folders = plugin_folders();
    folders.push(folder.to_owned());
    let file = file_of(name);
    let mut files = folders.into_iter().map(|folder| folder.join(&file));
    told.map(|one| one.path.clone())
        .or_else(|| files.find(|path| path.symlink_metadata().is_ok()))
}

fn put(
    from: &Ahead<'_>,
    taken: &Taken,
    carried: &Carried,
    folder: &Path,
) -> Result<ToolState, Failure> {
    let layers = layer::all(&taken.layout, carried, ARTIFACT, 1)?;
    let mut blob = layer::open_blob(from.docker, &taken.layout, &layers[0].digest)?;
    let failed = Error::io("write into", folder);
    let mut new = tempfile::Builder::new()
        .prefix(".docker-offline-")
        .tempfile_in(folder)
        .map_err(failed)?;
    let written = io::copy(&mut blob, &mut new).and_then(|_| {
        new.as_file()
            .set_permissions(fs::Permissions::from_mode(0o755))?;
        new.as_file().sync_all()
    });
    written.map_err(Error::io("write", new.path()))?;
    // A file that is open for writing cannot be run.
    let new = new.into_temp_path();
    if let Err(why) = starts(&new) {
        return Ok(ToolState::Refused(why));
    }
    let place = folder.join(&carried.name);
    match new.persist_noclobber(&place) {
        Ok(()) => Ok(ToolState::Installed(place)),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            Ok(ToolState::There(place))
        }
        Err(error) => Err(Error::io("write", &place)(error.error).into()),
    }
}

/// Asks a plugin what it is, as the docker command does; in words why it does not answer.
fn starts(plugin: &Path) -> Result<(), String> {
    let output = Command::new(plugin)
        .arg(METADATA)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let first = said.lines().next().unwrap_or("it says nothing").to_owned();
    Err(format!("{}: {first}", output.status))
}
