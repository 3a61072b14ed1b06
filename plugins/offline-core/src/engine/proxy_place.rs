//! Where a proxy of ours has to listen so that the steps of builds reach it.

use std::net::IpAddr;

use bollard::models::NetworkInspect;
use bollard::query_parameters::InspectNetworkOptions;

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

/// Where a proxy of ours has its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyPlace {
    /// The gateway of the default bridge: on the engine's machine, RUN steps reach what
    /// listens there. So do steps with the host's network, as it is the host's own.
    pub address: IpAddr,
    /// Why it has to be in a container on that bridge; `None` where it can be a process
    /// of this machine, as far as that is known before it has been tried.
    pub container: Option<String>,
}

impl Docker {
    /// Where a proxy has to listen so that RUN steps reach it.
    pub fn proxy_place(&self, engine: &EngineInfo) -> Result<ProxyPlace, NoProxyPlace> {
        let endpoint = self.endpoint();
        let container = elsewhere(&endpoint, &engine.name, &host_name())
            .or_else(|| engine.rootless.then(|| ROOTLESS.to_owned()))
            .or_else(|| forwarded(&endpoint));
        if let Some(why) = &container
            && engine.platform != own_platform()
        {
            return Err(NoProxyPlace {
                why: format!(
                    "{why}, and a container of this program cannot run there: the engine is for {}, the program for {}",
                    engine.platform,
                    own_platform()
                ),
                remedy: "run the command on the machine of the engine itself".into(),
            });
        }
        let bridge = self.default_bridge().unwrap_or_default();
        let address = gateway(&bridge).ok_or_else(|| NoProxyPlace {
            why: "the engine has no default bridge with a gateway".into(),
            remedy: "take \"bridge\": \"none\" out of daemon.json".into(),
        })?;
        Ok(ProxyPlace { address, container })
    }

    /// The address of this machine that RUN steps reach, for what has to be on it.
    ///
    /// Whether one can listen there is only known once it has been tried.
    pub fn place_here(&self, engine: &EngineInfo) -> Result<IpAddr, NoProxyPlace> {
        let place = self.proxy_place(engine)?;
        let here = elsewhere(&self.endpoint(), &engine.name, &host_name()).is_none();
        match place.container {
            Some(why) if !here => Err(NoProxyPlace {
                why,
                remedy: "run the command on the machine of the engine itself".into(),
            }),
            Some(why) if engine.rootless => Err(NoProxyPlace {
                why,
                remedy: "use an engine that runs as root".into(),
            }),
            _ => Ok(place.address),
        }
    }

    /// The network that containers are in unless something else is said.
    pub(super) fn default_bridge(&self) -> Option<NetworkInspect> {
        let plain = None::<InspectNetworkOptions>;
        self.ask(|api| async move { api.inspect_network("bridge", plain).await })
            .ok()
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
fn gateway(bridge: &NetworkInspect) -> Option<IpAddr> {
    let subnets = bridge
        .ipam
        .iter()
        .flat_map(|ipam| ipam.config.iter().flatten());
    let gateways = subnets.filter_map(|subnet| subnet.gateway.as_deref());
    let all: Vec<IpAddr> = gateways
        .filter_map(|gateway| gateway.parse().ok())
        .collect();
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

const ROOTLESS: &str = "the engine is rootless: its bridge is in a network namespace of its own";

/// Why an engine at an address of this machine may be on another one for all that: what
/// listens there may come from anywhere.
fn forwarded(endpoint: &str) -> Option<String> {
    let socket = endpoint.is_empty() || endpoint.starts_with("unix://");
    (!socket).then(|| format!("the engine is reached at {endpoint}, and may be on another machine"))
}

/// The platform that this program is for, as engines name theirs.
fn own_platform() -> String {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{}/{architecture}", std::env::consts::OS)
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
            let bridge: NetworkInspect = serde_json::from_str(text).unwrap();
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
    fn only_a_socket_is_certainly_here() {
        assert_eq!(forwarded("unix:///var/run/docker.sock"), None);
        assert_eq!(forwarded(""), None);
        assert!(forwarded("tcp://127.0.0.1:2375").is_some());
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
