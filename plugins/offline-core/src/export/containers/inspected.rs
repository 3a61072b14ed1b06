//! What the engine says of a container.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::engine::{self, Docker};

/// A container, as `docker container inspect --size` tells of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Inspected {
    pub(super) name: String,
    pub(super) state: State,
    pub(super) config: Config,
    pub(super) mounts: Vec<Mount>,
    /// Bytes that it has written.
    pub(super) size_rw: u64,
    /// Bytes of its whole file system.
    pub(super) size_root_fs: u64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct State {
    pub(super) status: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Config {
    pub(super) image: String,
    pub(super) labels: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Mount {
    #[serde(rename = "Type")]
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) source: String,
    pub(super) destination: String,
}

impl Inspected {
    /// Looks at a container; `None` where there is none of this name.
    pub(super) fn of(docker: &Docker, name: &str) -> Result<Option<Self>, engine::Error> {
        let list = ["container", "inspect", "--size", "--", name];
        let output = match docker.output(list) {
            Err(engine::Error::Failed { message, .. }) if message.contains("o such container") => {
                return Ok(None);
            }
            output => output?,
        };
        let all: Vec<Self> =
            serde_json::from_slice(&output.stdout).map_err(|e| engine::Error::Unexpected {
                command: "docker container inspect".into(),
                why: e.to_string(),
            })?;
        Ok(all.into_iter().next())
    }

    /// Its label of this name.
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        let labels = self.config.labels.as_ref()?;
        labels.get(name).map(String::as_str)
    }
}
