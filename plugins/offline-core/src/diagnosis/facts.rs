use serde::Deserialize;

use super::disk::Disk;
use crate::engine::{Docker, EngineInfo, Error};

/// What is known of the engine and of the tools beside it.
#[derive(Debug)]
pub struct Facts {
    /// The engine, or why it does not answer.
    pub engine: Result<EngineFacts, Error>,
    /// The version of buildx.
    pub buildx: Result<String, Error>,
    /// The version of Compose.
    pub compose: Result<String, Error>,
    /// The builder that builds go to.
    pub builder: Result<Builder, Error>,
}

/// What is known of an engine that answers.
#[derive(Debug, Clone)]
pub struct EngineFacts {
    /// What it says of itself.
    pub info: EngineInfo,
    /// Its API version, such as `1.51`.
    pub api_version: String,
    /// The disk of its data, where the engine runs on this machine.
    pub disk: Option<Disk>,
}

/// The active builder of buildx.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Builder {
    /// Its name.
    pub name: String,
    /// Its driver: `docker`, `docker-container`, `kubernetes`, `remote`.
    pub driver: String,
}

impl Facts {
    /// Asks `docker`, and through it the engine. An answer that does not come
    /// is a fact too.
    pub fn gather(docker: Option<&Docker>) -> Self {
        let Some(docker) = docker else {
            return Self {
                engine: Err(Error::DockerMissing),
                buildx: Err(Error::DockerMissing),
                compose: Err(Error::DockerMissing),
                builder: Err(Error::DockerMissing),
            };
        };
        Self {
            engine: engine(docker),
            buildx: text(docker, &["buildx", "version"]),
            compose: text(docker, &["compose", "version", "--short"]),
            builder: docker
                .active_builder()
                .map(|(name, driver)| Builder { name, driver }),
        }
    }
}

/// The part of `GET /version` that is used.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Server {
    api_version: String,
}

fn engine(docker: &Docker) -> Result<EngineFacts, Error> {
    let server: Server = json(docker, &["version", "--format", "{{json .Server}}"])?;
    let info = EngineInfo::read(docker)?;
    let host = [
        "context",
        "inspect",
        "--format",
        "{{.Endpoints.docker.Host}}",
    ];
    let local = text(docker, &host).is_ok_and(|host| host.starts_with("unix://"));
    Ok(EngineFacts {
        api_version: server.api_version,
        disk: Disk::of_existing(&info.root).filter(|_| local),
        info,
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
