use std::collections::BTreeMap;

use serde::Deserialize;

use crate::engine::{Docker, Error};

/// A container that the engine has, running or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// The Compose project that it belongs to.
    pub project: Option<String>,
    /// The service of that project.
    pub service: Option<String>,
    /// Ports of the host that it has taken: protocol and number.
    pub ports: Vec<(String, u16)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Raw {
    names: String,
    ports: String,
    labels: String,
}

/// Asks the engine for its containers.
pub(super) fn containers(docker: &Docker) -> Result<Vec<Container>, Error> {
    let output = docker.output(["ps", "--all", "--no-trunc", "--format", "{{json .}}"])?;
    let text = String::from_utf8_lossy(&output.stdout);
    let raw = text.lines().filter_map(|l| serde_json::from_str(l).ok());
    Ok(raw.map(container).collect())
}

fn container(raw: Raw) -> Container {
    let labels: BTreeMap<&str, &str> = raw
        .labels
        .split(',')
        .filter_map(|label| label.split_once('='))
        .collect();
    let label = |name: &str| labels.get(name).map(|value| (*value).to_owned());
    Container {
        name: raw.names,
        project: label("com.docker.compose.project"),
        service: label("com.docker.compose.service"),
        ports: raw.ports.split(", ").flat_map(published).collect(),
    }
}

/// `0.0.0.0:8080->80/tcp`, `[::]:8000-8001->8000-8001/tcp`, `6379/tcp`.
fn published(text: &str) -> Vec<(String, u16)> {
    let Some((host, inside)) = text.split_once("->") else {
        return Vec::new();
    };
    let protocol = inside.rsplit('/').next().unwrap_or("tcp");
    let ports = host.rsplit(':').next().unwrap_or(host);
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    match (first.parse::<u16>(), last.parse::<u16>()) {
        (Ok(first), Ok(last)) => (first..=last).map(|p| (protocol.to_owned(), p)).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_labels_are_read_as_docker_prints_them() {
        let raw = serde_json::from_str(
            r#"{"Names": "shop-web-1", "Ports": "0.0.0.0:8080->80/tcp, [::]:8000-8001->8000-8001/udp, 6379/tcp",
                "Labels": "com.docker.compose.project=shop,com.docker.compose.service=web,a=b"}"#,
        );
        let container = container(raw.unwrap());
        assert_eq!(container.project.as_deref(), Some("shop"));
        assert_eq!(container.service.as_deref(), Some("web"));
        let ports = [("tcp", 8080), ("udp", 8000), ("udp", 8001)];
        assert_eq!(container.ports, ports.map(|(p, n)| (p.to_owned(), n)));
    }
}
