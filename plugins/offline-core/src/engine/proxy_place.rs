//! Where a proxy of ours has to listen so that the steps of builds reach it.

use std::net::IpAddr;

use serde::Deserialize;

use super::{Docker, EngineInfo};

/// Why no proxy of ours can serve this engine's builds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct NoProxyPlace {
    /// What is in the way.
    pub why: String,
    /// What to do.
    pub remedy: String,
}

/// The part of `docker network inspect bridge` that says who its gateway is.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Bridge {
    #[serde(rename = "IPAM")]
    ipam: Ipam,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Ipam {
    config: Option<Vec<Subnet>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Subnet {
    gateway: String,
}

impl Docker {
    /// The address of this machine that RUN steps reach: the gateway of the default
    /// bridge. Steps with the host's network reach it too, as it is the host's own.
    ///
    /// Whether one can listen there is only known once it has been tried.
    pub fn proxy_place(&self, engine: &EngineInfo) -> Result<IpAddr, NoProxyPlace> {
        let endpoint = self
            .output([
                "context",
                "inspect",
                "--format",
                "{{.Endpoints.docker.Host}}",
            ])
            .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
            .unwrap_or_default();
        if let Some(why) = elsewhere(&endpoint, &engine.name, &host_name()) {
            return Err(NoProxyPlace {
                why,
                remedy: "run the command on the machine of the engine itself".into(),
            });
        }
        if engine.rootless {
            return Err(NoProxyPlace {
                why: "the engine is rootless: its bridge is in a network namespace of its own"
                    .into(),
                remedy: "use an engine that runs as root".into(),
            });
        }
        let inspected = self.output(["network", "inspect", "bridge", "--format", "{{json .}}"]);
        let bridge: Option<Bridge> = inspected
            .ok()
            .and_then(|output| serde_json::from_slice(&output.stdout).ok());
        gateway(&bridge.unwrap_or_default()).ok_or_else(|| NoProxyPlace {
            why: "the engine has no default bridge with a gateway".into(),
            remedy: "take \"bridge\": \"none\" out of daemon.json".into(),
        })
    }

    /// What `host-gateway` stands for in the builds of the active builder, where that
    /// says so: the gateway of the default bridge, or `host-gateway-ip` of the engine's
    /// settings (`HostGatewayIP` of buildx' docker driver).
    pub fn host_gateway(&self) -> Option<IpAddr> {
        let output = self.output(["buildx", "inspect"]).ok()?;
        host_gateway(&String::from_utf8_lossy(&output.stdout))
    }
}

/// The label by which the engine's own builder says it.
fn host_gateway(inspected: &str) -> Option<IpAddr> {
    const LABEL: &str = "org.mobyproject.buildkit.worker.moby.host-gateway-ip:";
    let mut labels = inspected.lines().map(str::trim);
    labels
        .find_map(|line| line.strip_prefix(LABEL))?
        .trim()
        .parse()
        .ok()
}

/// IPv4 first: it is what every tool in a build can use.
fn gateway(bridge: &Bridge) -> Option<IpAddr> {
    let subnets = bridge.ipam.config.iter().flatten();
    let all: Vec<IpAddr> = subnets.filter_map(|s| s.gateway.parse().ok()).collect();
    all.iter().find(|ip| ip.is_ipv4()).or(all.first()).copied()
}

/// Why the engine is not on this machine. A socket may be forwarded from another
/// one, or from a virtual machine as Docker Desktop does.
fn elsewhere(endpoint: &str, name: &str, host: &str) -> Option<String> {
    let address = endpoint
        .split_once("://")
        .map_or(endpoint, |(_, rest)| rest);
    let here = address.starts_with("127.")
        || address.starts_with("localhost")
        || address.starts_with("[::1]");
    if !endpoint.is_empty() && !endpoint.starts_with("unix://") && !here {
        return Some(format!("the engine is on another machine ({endpoint})"));
    }
    (!name.is_empty() && name != host)
        .then(|| format!("the engine runs on {name}, and this machine is {host}"))
}

/// As the engine names its host (`os.Hostname` of Go).
fn host_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_is_that_of_the_bridge() {
        for (text, expected) in [
            (
                r#"{"IPAM":{"Config":[{"Gateway":"fd00::1"},{"Gateway":"172.17.0.1"}]}}"#,
                Some("172.17.0.1"),
            ),
            (
                r#"{"IPAM":{"Config":[{"Subnet":"fd00::/64","Gateway":"fd00::1"}]}}"#,
                Some("fd00::1"),
            ),
            (r#"{"IPAM":{"Config":[{"Subnet":"172.17.0.0/16"}]}}"#, None),
            (r#"{"IPAM":{"Config":null}}"#, None),
        ] {
            let bridge: Bridge = serde_json::from_str(text).unwrap();
            let found = gateway(&bridge).map(|ip| ip.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_builder_says_what_host_gateway_is() {
        let label = "Labels:\n org.mobyproject.buildkit.worker.moby.host-gateway-ip: 10.201.0.1\n";
        let found = host_gateway(label).map(|ip| ip.to_string());
        assert_eq!(found.as_deref(), Some("10.201.0.1"));
        assert_eq!(host_gateway("Labels:\n other: 10.201.0.1\n"), None);
    }

    #[test]
    fn an_engine_elsewhere_is_told_by_its_endpoint_or_its_host() {
        for (endpoint, name, expected) in [
            ("unix:///var/run/docker.sock", "box", false),
            ("tcp://127.0.0.1:2375", "box", false),
            ("", "", false),
            ("ssh://me@box", "box", true),
            ("tcp://10.0.0.5:2376", "box", true),
            (
                "unix:///home/me/.docker/desktop/docker.sock",
                "docker-desktop",
                true,
            ),
        ] {
            assert_eq!(
                elsewhere(endpoint, name, "box").is_some(),
                expected,
                "{endpoint}"
            );
        }
    }
}
