//! The containers of a Compose project, as the engine describes them.

use std::collections::{BTreeMap, HashMap};

use bollard::query_parameters::{InspectContainerOptions, ListContainersOptionsBuilder};
use serde::Deserialize;

use super::api::ours;
use super::{Docker, Error};

/// The label by which Compose knows the containers of a project; docker-compose 1 sets it too.
const PROJECT: &str = "com.docker.compose.project";
/// The label that names the service.
const SERVICE: &str = "com.docker.compose.service";
/// The label of what `docker compose run` starts; `False` of all others.
const ONE_OFF: &str = "com.docker.compose.oneoff";

/// A container of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ServiceContainer {
    /// Its ID.
    pub id: String,
    /// The ID of the image that it was made of.
    pub image: String,
    /// How often its restart policy has started it again.
    pub restart_count: u32,
    /// What it was made from.
    pub config: ContainerConfig,
    /// How it is.
    pub state: ContainerState,
}

/// What a container was made from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerConfig {
    /// The name of its image, as it was asked for.
    pub image: String,
    /// Its labels.
    pub labels: Option<BTreeMap<String, String>>,
}

/// How a container is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerState {
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`.
    pub status: String,
    /// With what its program has ended.
    pub exit_code: i64,
    /// When it was started last, as the engine writes it.
    pub started_at: String,
    /// What its health check says, if it has one.
    pub health: Option<ContainerHealth>,
}

/// What a health check says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerHealth {
    /// `starting`, `healthy`, `unhealthy` or `none`.
    pub status: String,
    /// The last runs of the check, the latest at the end.
    pub log: Option<Vec<HealthRun>>,
}

/// A run of a health check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HealthRun {
    /// With what it has ended; 0 is healthy.
    pub exit_code: i64,
    /// What it has printed, on either stream.
    pub output: String,
}

impl ServiceContainer {
    /// What the last run of its health check has printed, where that failed.
    pub fn failed_check(&self) -> Option<&str> {
        let last = self.state.health.as_ref()?.log.as_ref()?.last()?;
        (last.exit_code != 0).then_some(last.output.trim())
    }

    /// Its service.
    pub fn service(&self) -> &str {
        self.label(SERVICE)
    }

    fn label(&self, name: &str) -> &str {
        let labels = self.config.labels.as_ref();
        labels.and_then(|l| l.get(name)).map_or("", String::as_str)
    }
}

impl Docker {
    /// The containers of a project's services, running or not, without those of
    /// `docker compose run`.
    pub fn service_containers(&self, project: &str) -> Result<Vec<ServiceContainer>, Error> {
        let label = format!("{PROJECT}={project}");
        let filters = HashMap::from([("label", vec![label.as_str()])]);
        let of_project = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters);
        let options = Some(of_project.build());
        let failed = |refusal| self.failure(refusal, "docker container ls");
        let listed = self.ask(|api| async move { api.list_containers(options).await });
        let listed = listed.map_err(failed)?.into_iter();
        let ids: Vec<String> = listed.filter_map(|container| container.id).collect();
        let mut all: Vec<ServiceContainer> = Vec::new();
        for id in &ids {
            let plain = None::<InspectContainerOptions>;
            match self.ask(|api| async move { api.inspect_container(id, plain).await }) {
                Ok(container) => all.push(ours(&container, "docker container inspect")?),
                // It has gone in between.
                Err(refusal) if refusal.is_not_found() => {}
                Err(refusal) => return Err(self.failure(refusal, "docker container inspect")),
            }
        }
        let of_service = |c: &ServiceContainer| {
            !c.service().is_empty() && !c.label(ONE_OFF).eq_ignore_ascii_case("true")
        };
        Ok(all.into_iter().filter(of_service).collect())
    }

    /// The last lines that a container has written, from either stream.
    pub fn last_words(&self, container: &str, lines: u32) -> Result<Vec<String>, Error> {
        let tail = lines.to_string();
        let mut words = Vec::new();
        let args = ["logs", "--tail", &tail, container];
        self.lines(args, |line| words.push(line.to_owned()))?;
        Ok(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_read_as_docker_prints_it() {
        let container: ServiceContainer = serde_json::from_str(
            r#"{"Id": "abc", "Image": "sha256:1", "RestartCount": 2,
                "State": {"Status": "running", "ExitCode": 0, "StartedAt": "2026-01-02T00:00:00Z", "Health": {"Status": "starting", "Log": [
                    {"ExitCode": 0, "Output": ""}, {"ExitCode": 1, "Output": "no such file\n"}]}},
                "Config": {"Image": "shop-web", "Labels": {"com.docker.compose.service": "web", "com.docker.compose.oneoff": "False"}}}"#,
        )
        .unwrap();
        assert_eq!(container.service(), "web");
        assert_eq!(container.restart_count, 2);
        assert_eq!(container.config.image, "shop-web");
        assert_eq!(container.failed_check(), Some("no such file"));
        assert_eq!(container.state.health.unwrap().status, "starting");
        let bare: ServiceContainer = serde_json::from_str(
            r#"{"Id": "abc", "State": {"Status": "created"}, "Config": {"Labels": null}}"#,
        )
        .unwrap();
        assert_eq!(bare.service(), "");
        assert_eq!((&bare.state.health, bare.failed_check()), (&None, None));
        let unchecked = r#"{"State": {"Health": {"Status": "starting", "Log": null}}}"#;
        let unchecked: ServiceContainer = serde_json::from_str(unchecked).unwrap();
        assert_eq!(unchecked.failed_check(), None);
    }
}
