use super::containers::{Container, containers};
use crate::engine::Disk;
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
    /// The engine's containers; none where it does not say.
    pub containers: Vec<Container>,
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
    /// Whether it runs on this machine.
    pub local: bool,
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
                containers: Vec::new(),
            };
        };
        std::thread::scope(|scope| {
            let builder = scope.spawn(|| docker.active_builder());
            let containers = scope.spawn(|| containers(docker).unwrap_or_default());
            let engine = engine(docker);
            // What the engine's answer says of the plugins need not be asked again.
            let known = engine.as_ref().ok().map(|e| &e.info);
            let (buildx, compose) = match known {
                Some(info) => (
                    info.buildx.clone().ok_or(Error::BuildxMissing),
                    info.compose.clone().ok_or(Error::ComposeMissing),
                ),
                None => (
                    text(docker, &["buildx", "version"]),
                    compose_version(docker),
                ),
            };
            Self {
                engine,
                buildx,
                compose,
                builder: builder
                    .join()
                    .unwrap_or(Err(Error::Interrupted))
                    .map(|(name, driver)| Builder { name, driver }),
                containers: containers.join().unwrap_or_default(),
            }
        })
    }
}

/// Without the plugin, docker takes `compose` for an argument of its own and
/// does not know the flag.
fn compose_version(docker: &Docker) -> Result<String, Error> {
    text(docker, &["compose", "version", "--short"]).map_err(|error| match error {
        Error::Failed { message, .. } if message.contains("unknown flag: --short") => {
            Error::ComposeMissing
        }
        other => other,
    })
}

fn engine(docker: &Docker) -> Result<EngineFacts, Error> {
    let info = EngineInfo::read(docker)?;
    let local = docker.endpoint().starts_with("unix://");
    Ok(EngineFacts {
        api_version: EngineInfo::api_version(docker)?,
        disk: Disk::of_existing(&info.root).filter(|_| local),
        local,
        info,
    })
}

fn text(docker: &Docker, args: &[&str]) -> Result<String, Error> {
    let output = docker.output(args)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
