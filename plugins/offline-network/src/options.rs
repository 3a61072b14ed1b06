//! What a caller says: where to listen, how to reach the servers, what to hide.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where the proxy listens: one port for each target, so that the port tells who
/// asked.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Of this machine; IPv4 or IPv6.
    pub address: IpAddr,
    /// The port of the first target, the next for the second and so on; any free
    /// ports if none is given.
    pub port: Option<u16>,
    /// Names of any kind, each once; a service of a project, say.
    pub targets: Vec<String>,
}

/// Addresses by the names of hosts, in lower case.
pub type Hosts = BTreeMap<String, Vec<IpAddr>>;

/// How the recorder reaches the servers. The system's certificates
/// (`SSL_CERT_FILE` is honoured) are trusted always.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Upstream {
    /// A PEM file with further authorities.
    pub ca_file: Option<PathBuf>,
    /// The proxy for `http:` URLs, as in `HTTP_PROXY`.
    pub http_proxy: Option<String>,
    /// The proxy for `https:` URLs, as in `HTTPS_PROXY`.
    pub https_proxy: Option<String>,
    /// What is asked without a proxy, as in `NO_PROXY`.
    pub no_proxy: Option<String>,
    /// The hosts that a target knows by addresses of its own, by target: what it asks
    /// of them without a proxy goes there, and nobody else's does.
    pub hosts: BTreeMap<String, Hosts>,
    /// How often a request is tried before it counts as failed.
    pub attempts: u32,
    /// The wait before the second attempt; doubled for each further one.
    pub first_wait: Duration,
    /// The longest wait that a server's `Retry-After` is granted.
    pub longest_wait: Duration,
    /// How long a server may be silent, before its answer or within it.
    pub stall: Duration,
    /// How long downloads under way may go on after [`Recorder::stop`](crate::Recorder::stop).
    pub finish: Duration,
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            ca_file: None,
            http_proxy: None,
            https_proxy: None,
            no_proxy: None,
            hosts: BTreeMap::new(),
            attempts: 5,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(60),
            stall: Duration::from_secs(60),
            finish: Duration::from_secs(900),
        }
    }
}

impl Upstream {
    /// With the proxies that these variables name (`HTTP_PROXY`, `HTTPS_PROXY`,
    /// `NO_PROXY` and their lower-case kin, which come first as in curl).
    #[must_use]
    pub fn with_proxies(mut self, variable: impl Fn(&str) -> Option<String>) -> Self {
        let either = |name: &str| {
            let value = variable(&name.to_lowercase()).or_else(|| variable(name));
            value.filter(|v| !v.is_empty())
        };
        self.http_proxy = either("HTTP_PROXY");
        self.https_proxy = either("HTTPS_PROXY");
        self.no_proxy = either("NO_PROXY");
        self
    }
}
