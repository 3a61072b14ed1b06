use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Deserialize;

use super::disk::Disk;
use crate::engine::{Docker, Error};
use crate::reference::ImageReference;

/// What is known of the engine and of the tools beside it.
#[derive(Debug)]
pub struct Facts {
    /// The engine, or why it does not answer.
    pub engine: Result<EngineFacts, Error>,
    /// The version of buildx.
    pub buildx: Result<String, Error>,
    /// The version of Compose.
    pub compose: Result<String, Error>,
}

/// What is known of an engine that answers.
#[derive(Debug, Clone)]
pub struct EngineFacts {
    /// Its version, such as `28.5.2`.
    pub version: String,
    /// Its API version, such as `1.51`.
    pub api_version: String,
    /// Its platform, such as `linux/amd64`.
    pub platform: String,
    /// How it stores images.
    pub store: Store,
    /// Where it keeps its data, as it says itself.
    pub root: PathBuf,
    /// The disk of that folder, where the engine runs on this machine.
    pub disk: Option<Disk>,
    /// The images it holds, normalised.
    pub images: BTreeSet<String>,
}

/// An image store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// The containerd image store, with its snapshotter.
    Containerd(String),
    /// A graphdriver, with its name.
    Graphdriver(String),
}

impl std::fmt::Display for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Containerd(snapshotter) => write!(f, "containerd image store ({snapshotter})"),
            Self::Graphdriver(driver) => write!(f, "graphdriver {driver}"),
        }
    }
}

impl Facts {
    /// Asks `docker`, and through it the engine. An answer that does not come
    /// is a fact too.
    pub fn gather(docker: Result<&Docker, Error>) -> Self {
        let docker = match docker {
            Ok(docker) => docker,
            Err(error) => {
                return Self {
                    engine: Err(error),
                    buildx: Err(Error::DockerMissing),
                    compose: Err(Error::DockerMissing),
                };
            }
        };
        Self {
            engine: engine(docker),
            buildx: text(docker, &["buildx", "version"]),
            compose: text(docker, &["compose", "version", "--short"]),
        }
    }
}

/// The part of `GET /version` that is used.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Server {
    version: String,
    api_version: String,
    os: String,
    arch: String,
}

/// The part of `GET /info` that is used.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Info {
    #[serde(default)]
    driver: String,
    #[serde(default)]
    driver_status: Option<Vec<(String, String)>>,
    #[serde(default)]
    docker_root_dir: PathBuf,
}

impl Info {
    /// The containerd store names itself in the driver's status (moby,
    /// `daemon/containerd/service.go`).
    fn store(&self) -> Store {
        let containerd = self.driver_status.iter().flatten().any(|(key, value)| {
            key == "driver-type" && value.starts_with("io.containerd.snapshotter")
        });
        if containerd {
            Store::Containerd(self.driver.clone())
        } else {
            Store::Graphdriver(self.driver.clone())
        }
    }
}

fn engine(docker: &Docker) -> Result<EngineFacts, Error> {
    let server: Server = json(docker, &["version", "--format", "{{json .Server}}"])?;
    let info: Info = json(docker, &["info", "--format", "{{json .}}"])?;
    let local = text(
        docker,
        &[
            "context",
            "inspect",
            "--format",
            "{{.Endpoints.docker.Host}}",
        ],
    )
    .is_ok_and(|host| host.starts_with("unix://"));
    let images = text(
        docker,
        &["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"],
    )?
    .lines()
    .filter_map(|line| ImageReference::parse(line).ok())
    .map(|reference| reference.to_string())
    .collect();
    Ok(EngineFacts {
        version: server.version,
        api_version: server.api_version,
        platform: format!("{}/{}", server.os, server.arch),
        store: info.store(),
        disk: Disk::of_existing(&info.docker_root_dir).filter(|_| local),
        root: info.docker_root_dir,
        images,
    })
}

fn text(docker: &Docker, args: &[&str]) -> Result<String, Error> {
    let output = docker.output(args)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn json<T: serde::de::DeserializeOwned>(docker: &Docker, args: &[&str]) -> Result<T, Error> {
    serde_json::from_str(&text(docker, args)?).map_err(|error| Error::Unexpected {
        command: format!("docker {}", args.join(" ")),
        why: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(info: &str) -> Store {
        serde_json::from_str::<Info>(info).unwrap().store()
    }

    #[test]
    fn both_stores_are_told_apart() {
        let containerd = r#"{"Driver":"overlayfs","DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]]}"#;
        assert_eq!(store(containerd), Store::Containerd("overlayfs".into()));
        let overlay2 = r#"{"Driver":"overlay2","DriverStatus":[["Backing Filesystem","extfs"]]}"#;
        assert_eq!(store(overlay2), Store::Graphdriver("overlay2".into()));
        let bare = r#"{"Driver":"vfs","DriverStatus":null}"#;
        assert_eq!(store(bare), Store::Graphdriver("vfs".into()));
    }
}
