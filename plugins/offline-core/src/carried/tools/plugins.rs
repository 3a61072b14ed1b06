//! The plugins of the docker command itself: buildx, Compose and others.

use std::path::PathBuf;

use serde::Deserialize;

use crate::engine::{Docker, Error};

/// A plugin that the docker command has found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CliPlugin {
    /// The command that it gives, like `buildx`.
    pub(super) name: String,
    /// Its version, as it says itself.
    #[serde(default)]
    pub(super) version: String,
    /// Its file.
    #[serde(default)]
    pub(super) path: PathBuf,
    /// Why the command does not use it, if so.
    #[serde(default, rename = "Err")]
    error: Option<serde_json::Value>,
}

impl CliPlugin {
    /// Whether the docker command uses it.
    pub(super) fn works(&self) -> bool {
        self.error.is_none()
    }
}

/// Asks the docker command for its plugins, whether an engine answers or not; none where there
/// is no such command.
pub(super) fn plugins(docker: &Docker) -> Result<Vec<CliPlugin>, Error> {
    docker.check_interrupt()?;
    let mut command = docker.command(["info", "--format", "{{json .ClientInfo.Plugins}}"]);
    // Where no engine answers, it says so, ends with 1, and has printed them all the same.
    let Ok(output) = command.output() else {
        return Ok(Vec::new());
    };
    let plugins: Option<Vec<CliPlugin>> =
        serde_json::from_slice(&output.stdout).unwrap_or_default();
    Ok(plugins.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_docker_refuses_is_told_from_one_that_works() {
        let text = r#"[{"SchemaVersion":"0.1.0","Vendor":"Docker Inc.","Version":"v0.29.1","Name":"buildx","Path":"/usr/libexec/docker/cli-plugins/docker-buildx"},
            {"Name":"a-b","Path":"/x/docker-a-b","Err":{}}]"#;
        let plugins: Vec<CliPlugin> = serde_json::from_str(text).unwrap();
        let [buildx, other] = plugins.as_slice() else {
            panic!("{plugins:?}")
        };
        assert_eq!((buildx.name.as_str(), buildx.works()), ("buildx", true));
        assert!(buildx.path.ends_with("docker-buildx") && !other.works());
    }
}
