use std::net::{IpAddr, ToSocketAddrs};

use super::RegistryOptions;

/// One place that an image can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Endpoint {
    /// `http` or `https`.
    pub(super) scheme: &'static str,
    /// Host and port.
    pub(super) host: String,
    /// Whether any certificate is taken.
    pub(super) insecure: bool,
    /// What people call it.
    pub(super) name: String,
}

impl Endpoint {
    fn new(scheme: &'static str, host: &str, insecure: bool, name: &str) -> Self {
        Self {
            scheme,
            host: host.to_owned(),
            insecure,
            name: name.to_owned(),
        }
    }

    /// The address of an object of a repository.
    pub(super) fn url(&self, repository: &str, kind: &str, object: &str) -> String {
        format!(
            "{}://{}/v2/{repository}/{kind}/{object}",
            self.scheme, self.host
        )
    }
}

/// Where an image of `registry` is asked for, in this order (moby,
/// `daemon/pkg/registry/service_v2.go`): Docker's mirrors stand for Docker Hub
/// only; an insecure registry is tried with TLS first, then without.
pub(super) fn endpoints(registry: &str, options: &RegistryOptions) -> Vec<Endpoint> {
    if registry == "docker.io" {
        let mut all: Vec<Endpoint> = options
            .mirrors
            .iter()
            .flat_map(|mirror| mirror_endpoints(mirror, &options.insecure))
            .collect();
        if !options.mirrors_only || all.is_empty() {
            all.push(Endpoint::new(
                "https",
                "registry-1.docker.io",
                false,
                "docker.io",
            ));
        }
        return all;
    }
    host_endpoints(registry, &options.insecure)
}

fn mirror_endpoints(mirror: &str, insecure: &[String]) -> Vec<Endpoint> {
    let trimmed = mirror.trim_end_matches('/');
    if let Some(host) = trimmed.strip_prefix("http://") {
        return vec![Endpoint::new("http", host, true, host)];
    }
    let host = trimmed.strip_prefix("https://").unwrap_or(trimmed);
    host_endpoints(host, insecure)
}

fn host_endpoints(host: &str, insecure: &[String]) -> Vec<Endpoint> {
    if is_insecure(host, insecure) {
        vec![
            Endpoint::new("https", host, true, host),
            Endpoint::new("http", host, true, host),
        ]
    } else {
        vec![Endpoint::new("https", host, false, host)]
    }
}

/// moby, `daemon/pkg/registry/config.go`, `isSecureIndex`.
fn is_insecure(host: &str, insecure: &[String]) -> bool {
    if insecure.iter().any(|entry| entry == host) {
        return true;
    }
    let name = host_name(host);
    let networks: Vec<(IpAddr, u32)> = insecure
        .iter()
        .filter_map(|entry| network(entry))
        .chain(network("127.0.0.0/8"))
        .chain(network("::1/128"))
        .collect();
    if name == "localhost" {
        return true;
    }
    let addresses: Vec<IpAddr> = match name.parse() {
        Ok(address) => vec![address],
        // Names are looked up only for networks that the user has configured;
        // the loopback ones alone are not worth a query.
        Err(_) if networks.len() > 2 => (name, 443)
            .to_socket_addrs()
            .map(|found| found.map(|a| a.ip()).collect())
            .unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    addresses
        .iter()
        .any(|address| networks.iter().any(|network| contains(network, address)))
}

fn host_name(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

fn network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = text.split_once('/')?;
    Some((address.parse().ok()?, bits.parse().ok()?))
}

fn contains(network: &(IpAddr, u32), address: &IpAddr) -> bool {
    let equal = |a: u128, b: u128, width: u32| {
        let rest = width.saturating_sub(network.1);
        rest >= width || (a ^ b) >> rest == 0
    };
    match (network.0, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => equal(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => equal(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(registry: &str, options: &RegistryOptions) -> Vec<String> {
        endpoints(registry, options)
            .iter()
            .map(|e| format!("{}://{}", e.scheme, e.host))
            .collect()
    }

    #[test]
    fn mirrors_stand_for_docker_hub_only() {
        let options = RegistryOptions {
            mirrors: vec!["http://127.0.0.1:5000/".into(), "https://m.example".into()],
            ..RegistryOptions::default()
        };
        assert_eq!(
            places("docker.io", &options),
            [
                "http://127.0.0.1:5000",
                "https://m.example",
                "https://registry-1.docker.io"
            ]
        );
        assert_eq!(places("ghcr.io", &options), ["https://ghcr.io"]);
    }

    #[test]
    fn loopback_and_configured_networks_may_go_without_tls() {
        let options = RegistryOptions {
            insecure: vec!["10.1.0.0/16".into(), "lab:5000".into()],
            ..RegistryOptions::default()
        };
        for host in [
            "localhost:5000",
            "127.9.0.1:1",
            "[::1]:5000",
            "10.1.2.3",
            "lab:5000",
        ] {
            assert_eq!(places(host, &options).len(), 2, "{host}");
        }
        for host in ["10.2.0.1", "192.168.0.1:5000"] {
            assert_eq!(places(host, &options).len(), 1, "{host}");
        }
    }
}
