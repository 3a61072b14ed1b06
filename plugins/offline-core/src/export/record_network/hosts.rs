//! The hosts that builds know by `extra_hosts`, for the proxy that asks in their place.

use std::collections::BTreeMap;
use std::net::IpAddr;

use offline_network::Hosts;

use crate::project::{BuildTarget, Project};

/// What stands for the address at which containers reach the engine's machine.
const GATEWAY: &str = "host-gateway";

/// The hosts of each service's build; `gateway` gives what [`GATEWAY`] stands for.
pub(super) fn hosts(
    project: &Project,
    gateway: impl Fn() -> Option<IpAddr>,
) -> BTreeMap<String, Hosts> {
    let builds = project.services.iter();
    let builds = builds.filter_map(|s| Some((s.name.clone(), s.build.as_ref()?)));
    builds
        .map(|(service, build)| (service, of_build(build, &gateway)))
        .filter(|(_, hosts)| !hosts.is_empty())
        .collect()
}

fn of_build(build: &BuildTarget, gateway: &impl Fn() -> Option<IpAddr>) -> Hosts {
    let on_host = build.network.as_deref() == Some("host");
    let mut hosts = Hosts::new();
    for (host, addresses) in &build.extra_hosts {
        let addresses = addresses.iter().flat_map(|list| list.split(','));
        let known: Vec<IpAddr> = addresses
            .filter_map(|address| match address.trim() {
                GATEWAY => gateway(),
                address => address.trim_matches(['[', ']']).parse().ok(),
            })
            // A step's own loopback is none that the proxy could ask.
            .filter(|ip| on_host || !ip.is_loopback())
            .collect();
        if !known.is_empty() {
            hosts.insert(host.to_ascii_lowercase(), known);
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::from_config;

    fn of(build: &serde_json::Value) -> Hosts {
        let mut build = build.clone();
        build["context"] = "/p".into();
        build["dockerfile_inline"] = "FROM a".into();
        let config = serde_json::json!({"name": "p", "services": {"web": {"build": build}, "db": {"image": "d"}}});
        let project = from_config(&config.to_string(), &["/p/compose.yaml".into()]).unwrap();
        let mut all = hosts(&project, || "172.17.0.1".parse().ok());
        let own = all.remove("web").unwrap_or_default();
        assert!(all.is_empty());
        own
    }

    #[test]
    fn a_name_is_known_by_all_its_addresses() {
        let found = of(&serde_json::json!({"extra_hosts": [
            "Wheels.intranet=10.0.0.1", "wheels.six=[fd00::1]", "host.docker.internal=host-gateway",
            "two=10.0.0.1", "two=10.0.0.2", "odd=", "own=127.0.0.1",
        ]}));
        let said = found.iter().map(|(host, ips)| format!("{host} {ips:?}"));
        assert_eq!(
            said.collect::<Vec<_>>(),
            [
                "host.docker.internal [172.17.0.1]",
                "two [10.0.0.1, 10.0.0.2]",
                "wheels.intranet [10.0.0.1]",
                "wheels.six [fd00::1]",
            ]
        );
    }

    #[test]
    fn on_the_hosts_network_the_loopback_is_the_hosts() {
        let hosts = ["own=127.0.0.1"];
        let found = of(&serde_json::json!({"extra_hosts": hosts, "network": "host"}));
        assert_eq!(found.keys().collect::<Vec<_>>(), ["own"]);
    }
}
