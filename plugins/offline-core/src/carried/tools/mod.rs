//! The docker command's own plugins, for sites that lack them: buildx and Compose.

mod install;
mod plugins;

use std::fs::{self, File};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::layer::{self, Watched};
use super::{Declared, Error, Fetched, Kind, Origin, Planned, Restored, Site, entries};
use crate::bundle::Carried;
use crate::engine::Docker;
use crate::engine::plugins::is_program;
use crate::error::Failure;
use crate::layout::{Descriptor, Layout, Progress};
use crate::project::Project;

use plugins::plugins;

pub use install::{InstalledTool, ToolState, install};

const NAME: &str = "tools";
const ARTIFACT: &str = "application/vnd.docker-offline.tool.v1+json";
const MEDIA_TYPE: &str = "application/octet-stream";
/// What oras calls the file that it pulls.
const TITLE: &str = "org.opencontainers.image.title";
/// The plugins that a site builds and runs with.
const PLUGINS: [&str; 2] = ["buildx", "compose"];

/// The plugins of this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tools {
    found: Vec<Tool>,
    notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Tool {
    /// `docker-buildx`
    name: String,
    version: String,
    path: PathBuf,
    size: u64,
}

impl Tools {
    /// Asks the docker command which files it uses.
    pub fn find(docker: &Docker) -> Result<Self, Failure> {
        let plugins = plugins(docker)?;
        let mut tools = Self::default();
        for name in PLUGINS {
            let file = format!("docker-{name}");
            let used = plugins.iter().find(|one| one.name == name && one.works());
            let Some(plugin) = used else {
                tools.notes.push(format!(
                    "this docker command has no plugin {name}, so none is carried"
                ));
                continue;
            };
            let path = plugin.path.clone();
            let real = path.canonicalize().map_err(Error::io("read", &path))?;
            let metadata = fs::metadata(&real).map_err(Error::io("read", &real))?;
            if !is_program(&real).map_err(Error::io("read", &real))? {
                tools.notes.push(format!(
                    "{} is a script, and may need more on the site than itself",
                    path.display()
                ));
            }
            tools.found.push(Tool {
                name: file,
                version: plugin.version.clone(),
                path: real,
                size: metadata.len(),
            });
        }
        Ok(tools)
    }
}

/// What `bundle.json` says of one.
#[derive(Debug, Serialize, Deserialize)]
struct Detail {
    version: String,
}

/// The kind.
#[derive(Debug)]
pub(super) struct Plugins;

impl Kind for Plugins {
    fn name(&self) -> &'static str {
        NAME
    }

    fn comes_first(&self) -> bool {
        true
    }

    fn plan(&self, origin: &Origin<'_>) -> Result<Vec<Planned>, Failure> {
        let found = origin.tools.iter().flat_map(|tools| &tools.found);
        let planned = found.map(|t| Planned::by_flag(NAME, t.name.clone(), &t.path, t.size));
        Ok(planned.collect())
    }

    fn propose(&self, origin: &Origin<'_>) -> Result<Vec<String>, Failure> {
        Ok(origin.tools.map_or_else(Vec::new, |t| t.notes.clone()))
    }

    fn fetch(
        &self,
        origin: &Origin<'_>,
        planned: &Planned,
        layout: &Layout,
        progress: Progress<'_>,
    ) -> Result<Fetched, Failure> {
        let mut found = origin.tools.iter().flat_map(|tools| &tools.found);
        let tool = found.find(|tool| tool.name == planned.name);
        let tool = tool.ok_or_else(|| entries::not_declared(&planned.name))?;
        let file = File::open(&tool.path).map_err(Error::io("read", &tool.path))?;
        let mut file = Watched::new(origin.docker, file);
        let mut blob = layout.blob_writer()?;
        std::io::copy(&mut file, &mut blob).map_err(Error::io("read", &tool.path))?;
        let blob = blob.commit(None)?;
        progress(blob.size);
        let mut layer = Descriptor::new(MEDIA_TYPE, blob.digest, blob.size);
        layer.annotations.insert(TITLE.into(), tool.name.clone());
        let root = layout.write_artifact(ARTIFACT, vec![layer])?;
        let detail = Detail {
            version: tool.version.clone(),
        };
        Ok(Fetched {
            new_bytes: if blob.new { blob.size } else { 0 },
            carried: planned.stored(root.clone(), blob.size + root.size, detail),
        })
    }

    /// No project declares what a machine has.
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
