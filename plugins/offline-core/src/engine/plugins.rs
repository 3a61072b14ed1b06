//! Where the docker command's plugins lie, and how it starts one.
//!
//! `docker buildx build` costs three processes: docker itself, the plugin that is asked who it is,
//! and the plugin that does the work. Here the last of them is started alone, as docker starts it
//! (docker/cli, `cli-plugins/manager/manager.go`).

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Docker;

/// By this variable docker tells a plugin that docker has started it, and by which name.
pub(super) const STARTED_BY: &str = "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND";
/// With this argument docker asks a plugin what it is.
pub(crate) const METADATA: &str = "docker-cli-plugin-metadata";
/// The plugins that are started without docker.
const DIRECT: [&str; 2] = ["buildx", "compose"];
/// Where docker looks in the end (docker/cli, `cli-plugins/manager/manager_unix.go`).
const COMMON: [&str; 4] = [
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];

/// The folder with the user's configuration and credentials, as the docker command finds it.
pub fn docker_config() -> Option<PathBuf> {
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker"));
    let own = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    own.or_else(home)
}

/// Where the docker command looks for plugins, in its order.
pub fn plugin_folders() -> Vec<PathBuf> {
    folders(docker_config().as_deref())
}

/// What the user's `config.json` says; nothing where it cannot be read, which docker says itself.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Settings {
    cli_plugins_extra_dirs: Vec<PathBuf>,
    /// The context that is used where none is named.
    pub(super) current_context: Option<String>,
}

impl Settings {
    pub(super) fn read(config: &Path) -> Self {
        let text = std::fs::read(config.join("config.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }
}

fn folders(config: Option<&Path>) -> Vec<PathBuf> {
    let settings = config.map(Settings::read).unwrap_or_default();
    let own = config.map(|config| config.join("cli-plugins"));
    let common = COMMON.map(PathBuf::from);
    let extra = settings.cli_plugins_extra_dirs.into_iter();
    extra.chain(own).chain(common).collect()
}

/// The plugins that can be started without docker, by name.
#[derive(Debug, Default)]
pub(super) struct Plugins(BTreeMap<&'static str, PathBuf>);

impl Plugins {
    /// Looks for them where docker with these global flags would find them.
    pub(super) fn find(config: Option<&Path>) -> Self {
        let folders = folders(config);
        let find = |name: &'static str| {
            // What is no program is left to docker, which says in its words what it is.
            let file = first(&folders, name)?;
            is_program(&file).ok()?.then_some((name, file))
        };
        Self(DIRECT.into_iter().filter_map(find).collect())
    }

    /// The file of the plugin whose command this is.
    pub(super) fn file(&self, command: &OsStr) -> Option<&Path> {
        self.0.get(command.to_str()?).map(PathBuf::as_path)
    }
}

/// The plugin that docker would use: the first of its name, whatever it is.
fn first(folders: &[PathBuf], name: &str) -> Option<PathBuf> {
    let mut files = folders.iter().map(|f| f.join(format!("docker-{name}")));
    files.find(|file| file.symlink_metadata().is_ok())
}

/// The versions of the plugins that builds need; none of those that docker would not use.
#[derive(Debug, Default)]
pub(super) struct Versions {
    pub(super) buildx: Option<String>,
    pub(super) compose: Option<String>,
}

/// What a plugin says of itself (docker/cli, `cli-plugins/metadata`).
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    schema_version: String,
    vendor: String,
    #[serde(default)]
    version: String,
}

impl Docker {
    /// Asks the plugins that builds need for their versions, both at once; `docker info` asks
    /// every plugin that there is.
    pub(super) fn plugin_versions(&self) -> Versions {
        std::thread::scope(|scope| {
            let buildx = scope.spawn(|| self.plugin_version("buildx"));
            let compose = self.plugin_version("compose");
            let buildx = buildx.join().unwrap_or_default();
            Versions { buildx, compose }
        })
    }

    fn plugin_version(&self, name: &str) -> Option<String> {
        let folders = folders(self.config_folder().as_deref());
        let mut command = Command::new(first(&folders, name)?);
        let asked = command.arg(METADATA).stdin(Stdio::null()).output().ok()?;
        // The same that docker asks of one (`cli-plugins/manager/plugin.go`).
        let says: Metadata = serde_json::from_slice(&asked.stdout).ok()?;
        let used = asked.status.success() && says.schema_version == "0.1.0";
        (used && !says.vendor.is_empty()).then_some(says.version)
    }
}

/// The folder of `--config`.
pub(super) fn config_flag(flags: &[OsString]) -> Option<PathBuf> {
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        if flag == "--config" {
            return flags.next().map(PathBuf::from);
        }
        if let Some(folder) = flag.to_str().and_then(|f| f.strip_prefix("--config=")) {
            return Some(folder.into());
        }
    }
    None
}

/// Whether a file is for the kernel itself to run.
pub(crate) fn is_program(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(4).read_to_end(&mut start)?;
    Ok(start == *b"\x7fELF")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_first_folder_in_dockers_order_has_the_plugin() {
        let config = tempfile::tempdir().unwrap();
        let extra = tempfile::tempdir().unwrap();
        let settings = serde_json::json!({"cliPluginsExtraDirs": [extra.path()]});
        fs::write(config.path().join("config.json"), settings.to_string()).unwrap();
        let own = config.path().join("cli-plugins");
        fs::create_dir(&own).unwrap();
        fs::write(own.join("docker-buildx"), b"\x7fELF own").unwrap();
        fs::write(own.join("docker-compose"), b"\x7fELF own").unwrap();
        fs::write(extra.path().join("docker-compose"), b"\x7fELF extra").unwrap();
        for flags in [
            vec!["--config".into(), config.path().into()],
            vec![format!("--config={}", config.path().display()).into()],
        ] {
            let plugins = Plugins::find(config_flag(&flags).as_deref());
            let file = |name: &str| plugins.file(name.as_ref()).map(Path::to_owned);
            assert_eq!(file("buildx"), Some(own.join("docker-buildx")));
            assert_eq!(file("compose"), Some(extra.path().join("docker-compose")));
            assert_eq!(file("image"), None);
        }
        // docker does not look further than to the first, and has words for what that is.
        fs::write(extra.path().join("docker-compose"), "#!/bin/sh\n").unwrap();
        let plugins = Plugins::find(Some(config.path()));
        assert_eq!(plugins.file("compose".as_ref()), None);
    }
}
