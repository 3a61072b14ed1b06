use std::path::PathBuf;

use serde::Deserialize;

use super::api::{Refusal, ours};
use super::{Docker, Error};

/// The command that says the same.
const COMMAND: &str = "docker info";

/// Where an engine keeps its images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Store {
    /// A graph driver (`overlay2` and its kin); the default up to Engine 28.
    Graphdriver,
    /// The containerd image store.
    Containerd,
}

impl std::fmt::Display for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Graphdriver => "graphdriver",
            Self::Containerd => "containerd",
        })
    }
}

/// What an engine says of itself.
#[derive(Debug, Clone)]
pub struct EngineInfo {
    /// The server's version, e.g. `28.5.2`.
    pub version: String,
    /// The kind of image store.
    pub store: Store,
    /// The storage driver's name.
    pub driver: String,
    /// `linux/amd64`.
    pub platform: String,
    /// Where the engine keeps its data, on its own host.
    pub root: PathBuf,
    /// `registry-mirrors` of the daemon.
    pub mirrors: Vec<String>,
    /// Hosts and networks the daemon talks plain HTTP to.
    pub insecure_registries: Vec<String>,
    /// Names of the container runtimes that are registered (`runc`, `nvidia`,
    /// `ascend`).
    pub runtimes: Vec<String>,
    /// The name of its host.
    pub name: String,
    /// Whether it runs without root, in a network namespace of its own.
    pub rootless: bool,
    /// The daemon's own proxies.
    pub proxies: Vec<String>,
    /// The buildx plugin's version.
    pub buildx: Option<String>,
    /// The Compose plugin's version.
    pub compose: Option<String>,
}

impl EngineInfo {
    /// Asks the engine, and the command's plugins beside it.
    pub fn read(docker: &Docker) -> Result<Self, Error> {
        let (info, plugins) = std::thread::scope(|scope| {
            let plugins = scope.spawn(|| docker.plugin_versions());
            let info = docker.ask(|api| async move { api.info().await });
            (info, plugins.join().unwrap_or_default())
        });
        let info = match info {
            Ok(info) => info,
            Err(Refusal::Interrupted) => return Err(Error::Interrupted),
            // Why there is no answer docker itself says; and an engine that is newer than what
            // reads it here may still be one that docker can read.
            Err(_) => return Self::as_docker_says(docker),
        };
        let raw: RawInfo = ours(&info, COMMAND)?;
        Ok(Self {
            buildx: plugins.buildx,
            compose: plugins.compose,
            ..raw.into()
        })
    }

    /// The newest version of the API that the engine speaks.
    pub fn api_version(docker: &Docker) -> Result<String, Error> {
        let version = docker.ask(|api| async move { api.version().await });
        let version = version.map_err(|refusal| docker.failure(refusal, "docker version"))?;
        Ok(version.api_version.unwrap_or_default())
    }

    /// The same by a docker command, which starts each of its plugins for it.
    fn as_docker_says(docker: &Docker) -> Result<Self, Error> {
        let output = docker.output(["info", "--format", "{{json .}}"])?;
        let raw: RawInfo =
            serde_json::from_slice(&output.stdout).map_err(|error| Error::Unexpected {
                command: COMMAND.to_owned(),
                why: error.to_string(),
            })?;
        // Older commands print what they know of the client and exit with 0
        // although the server did not answer.
        if let Some(message) = raw.server_errors.first() {
            return Err(Error::from_stderr(COMMAND, "0".into(), message));
        }
        Ok(raw.into())
    }

    /// The major version: the generation that BuildKit's cache keys belong to.
    pub fn generation(&self) -> u32 {
        generation(&self.version)
    }
}

/// The generation of an engine version: its first number, 0 if it has none.
pub fn generation(version: &str) -> u32 {
    version
        .trim_start_matches('v')
        .split(['.', '-', '+'])
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct RawInfo {
    server_version: String,
    driver: String,
    driver_status: Option<Vec<(String, String)>>,
    #[serde(rename = "OSType")]
    os_type: String,
    architecture: String,
    docker_root_dir: PathBuf,
    registry_config: Option<RawRegistries>,
    client_info: Option<RawClient>,
    server_errors: Vec<String>,
    runtimes: Option<std::collections::BTreeMap<String, serde_json::Value>>,
    http_proxy: String,
    https_proxy: String,
    name: String,
    security_options: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RawRegistries {
    mirrors: Option<Vec<String>>,
    #[serde(rename = "InsecureRegistryCIDRs")]
    insecure_cidrs: Option<Vec<String>>,
    index_configs: Option<std::collections::BTreeMap<String, RawIndex>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RawIndex {
    secure: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RawClient {
    plugins: Option<Vec<RawPlugin>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RawPlugin {
    name: String,
    version: String,
    err: Option<serde_json::Value>,
}

impl From<RawInfo> for EngineInfo {
    fn from(raw: RawInfo) -> Self {
        let containerd = raw
            .driver_status
            .unwrap_or_default()
            .iter()
            .any(|(key, value)| key == "driver-type" && value.contains("containerd.snapshotter"));
        let registries = raw.registry_config.unwrap_or_default();
        let mut insecure = registries.insecure_cidrs.unwrap_or_default();
        for (host, index) in registries.index_configs.unwrap_or_default() {
            if !index.secure {
                insecure.push(host);
            }
        }
        let client = raw.client_info.unwrap_or_default();
        let plugins = client.plugins.unwrap_or_default();
        let plugin = |name: &str| {
            plugins
                .iter()
                .find(|p| p.name == name && p.err.is_none())
                .map(|p| p.version.clone())
        };
        Self {
            version: raw.server_version,
            store: if containerd {
                Store::Containerd
            } else {
                Store::Graphdriver
            },
            driver: raw.driver,
            platform: platform(&raw.os_type, &raw.architecture),
            root: raw.docker_root_dir,
            mirrors: registries.mirrors.unwrap_or_default(),
            insecure_registries: insecure,
            runtimes: raw.runtimes.unwrap_or_default().into_keys().collect(),
            proxies: [raw.http_proxy, raw.https_proxy]
                .into_iter()
                .filter(|proxy| !proxy.is_empty())
                .collect(),
            name: raw.name,
            rootless: raw
                .security_options
                .unwrap_or_default()
                .iter()
                .any(|option| option == "name=rootless"),
            buildx: plugin("buildx"),
            compose: plugin("compose"),
        }
    }
}

/// `docker info` names processors as the kernel does; images do not.
fn platform(os: &str, architecture: &str) -> String {
    let architecture = match architecture {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "armv7l" => "arm/v7",
        "armv6l" => "arm/v6",
        "i386" | "i686" => "386",
        other => other,
    };
    format!("{os}/{architecture}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generation_is_the_major_version() {
        for (version, expected) in [
            ("28.5.2", 28),
            ("26.1.5+dfsg1", 26),
            ("20.10.24", 20),
            ("", 0),
        ] {
            assert_eq!(generation(version), expected);
        }
    }

    #[test]
    fn the_containerd_store_is_told_by_its_driver_type() {
        let raw: RawInfo = serde_json::from_str(
            r#"{"ServerVersion":"28.5.2","Driver":"overlayfs","DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]],
                "OSType":"linux","Architecture":"aarch64","DockerRootDir":"/d","ClientInfo":{"Context":"default","Plugins":[{"Name":"compose","Version":"2.40.3"}]},
                "RegistryConfig":{"Mirrors":["http://127.0.0.1:5000/"],"InsecureRegistryCIDRs":["127.0.0.0/8"],"IndexConfigs":{"docker.io":{"Secure":true}}}}"#,
        )
        .unwrap();
        let info = EngineInfo::from(raw);
        assert_eq!(info.store, Store::Containerd);
        assert_eq!(info.platform, "linux/arm64");
        assert_eq!(info.compose.as_deref(), Some("2.40.3"));
        assert_eq!(info.buildx, None);
        assert_eq!(info.insecure_registries, ["127.0.0.0/8"]);
    }
}
