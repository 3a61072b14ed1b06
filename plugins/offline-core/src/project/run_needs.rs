//! What a service asks of the host that it runs on.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::resolved::{ResolvedService, text_of};

/// What a service asks of the host that it runs on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunNeeds {
    /// `container_name`.
    pub container_name: Option<String>,
    /// Ports of the host that it takes.
    pub ports: Vec<PublishedPort>,
    /// Folders and files of the host that it mounts, absolute.
    pub binds: Vec<PathBuf>,
    /// Device files of the host.
    pub devices: Vec<String>,
    /// `runtime`.
    pub runtime: Option<String>,
    /// Drivers or capabilities of accelerators that it reserves: `nvidia`,
    /// `gpu`, `cdi` and their like.
    pub accelerators: Vec<String>,
}

/// A port of the host that a service takes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublishedPort {
    /// The number.
    pub port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// The address of the host that it is bound to; none means all.
    pub address: Option<String>,
}

impl RunNeeds {
    pub(super) fn of(service: &ResolvedService, directory: &Path) -> Self {
        Self {
            container_name: service.container_name.clone().filter(|n| !n.is_empty()),
            ports: service.ports.iter().flat_map(ports).collect(),
            binds: service
                .volumes
                .iter()
                .filter(|volume| volume["type"] == "bind")
                .filter_map(|volume| volume["source"].as_str())
                .map(|source| directory.join(source))
                .collect(),
            devices: service.devices.iter().filter_map(device).collect(),
            runtime: service.runtime.clone().filter(|r| !r.is_empty()),
            accelerators: accelerators(service),
        }
    }
}

/// `{"target": 80, "published": "8080", "protocol": "tcp"}`, as Compose prints
/// every form of `ports`; `published` may be a range, or missing for any port.
fn ports(value: &Value) -> Vec<PublishedPort> {
    let Some(published) = text_of(&value["published"]) else {
        return Vec::new();
    };
    let (first, last) = published
        .split_once('-')
        .unwrap_or((&published, &published));
    let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else {
        return Vec::new();
    };
    let one = |port| PublishedPort {
        port,
        protocol: text_of(&value["protocol"]).unwrap_or_else(|| "tcp".into()),
        address: text_of(&value["host_ip"]).filter(|a| !a.is_empty()),
    };
    (first..=last).filter(|port| *port != 0).map(one).collect()
}

/// `/dev/davinci0:/dev/davinci0:rwm`, or the long form.
fn device(value: &Value) -> Option<String> {
    let source = value["source"].as_str().or_else(|| value.as_str())?;
    Some(source.split(':').next().unwrap_or(source).to_owned())
}

fn accelerators(service: &ResolvedService) -> Vec<String> {
    let reserved = &service.deploy["resources"]["reservations"]["devices"];
    let requests = [&service.gpus, reserved];
    let mut found: Vec<String> = requests
        .into_iter()
        .filter_map(Value::as_array)
        .flatten()
        .flat_map(|request| {
            let driver = text_of(&request["driver"]);
            let capabilities = request["capabilities"].as_array().into_iter().flatten();
            driver
                .into_iter()
                .chain(capabilities.filter_map(text_of))
                .collect::<Vec<_>>()
        })
        .collect();
    // `gpus: all` and `gpus: [{count: 1}]` name no driver.
    if !service.gpus.is_null() {
        found.push("gpu".into());
    }
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(text: &str) -> RunNeeds {
        let service: ResolvedService = serde_json::from_str(text).unwrap();
        RunNeeds::of(&service, Path::new("/p"))
    }

    #[test]
    fn ports_binds_and_names_are_read() {
        let needs = needs(
            r#"{"container_name": "db",
                "ports": [{"target": 80, "published": "8080", "protocol": "tcp", "host_ip": "127.0.0.1"},
                          {"target": 53, "published": "5000-5001", "protocol": "udp"}, {"target": 9}],
                "volumes": [{"type": "bind", "source": "/srv/data", "target": "/d"}, {"type": "volume", "source": "v"}],
                "devices": [{"source": "/dev/davinci0", "target": "/dev/davinci0"}, "/dev/kvm:/dev/kvm:r"],
                "runtime": "nvidia"}"#,
        );
        assert_eq!(needs.container_name.as_deref(), Some("db"));
        let ports: Vec<u16> = needs.ports.iter().map(|p| p.port).collect();
        assert_eq!(ports, [8080, 5000, 5001]);
        assert_eq!(needs.ports[0].address.as_deref(), Some("127.0.0.1"));
        assert_eq!(needs.binds, [PathBuf::from("/srv/data")]);
        assert_eq!(needs.devices, ["/dev/davinci0", "/dev/kvm"]);
        assert_eq!(needs.runtime.as_deref(), Some("nvidia"));
    }

    #[test]
    fn every_way_to_ask_for_a_gpu_is_seen() {
        let reserved = r#"{"deploy": {"resources": {"reservations": {"devices": [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]}}}}"#;
        assert_eq!(needs(reserved).accelerators, ["gpu", "nvidia"]);
        assert_eq!(needs(r#"{"gpus": [{"count": -1}]}"#).accelerators, ["gpu"]);
        assert_eq!(needs(r#"{"gpus": "all"}"#).accelerators, ["gpu"]);
        assert!(
            needs(r#"{"deploy": {"replicas": 2}, "gpus": null}"#)
                .accelerators
                .is_empty()
        );
    }
}
