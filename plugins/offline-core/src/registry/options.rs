use std::path::PathBuf;
use std::time::Duration;

/// How registries are reached.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// Docker's `registry-mirrors`: asked before Docker Hub, for its images only.
    pub mirrors: Vec<String>,
    /// Whether Docker Hub itself is never asked when there is a mirror.
    pub mirrors_only: bool,
    /// Hosts and networks (CIDR) that may be reached without TLS, as in Docker's
    /// `insecure-registries`. Loopback addresses always may.
    pub insecure: Vec<String>,
    /// The folder of the user's Docker configuration, for credentials.
    pub config_dir: Option<PathBuf>,
    /// The proxy for everything but loopback; `None` takes the environment's.
    pub proxy: Option<String>,
    /// A PEM file of authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// How many blobs of an image are downloaded at once. Docker takes 3.
    pub concurrency: usize,
    /// How often a request is tried before it is given up.
    pub attempts: u32,
    /// The wait after the first failure; it doubles with each further one.
    pub first_wait: Duration,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            mirrors: Vec::new(),
            mirrors_only: false,
            insecure: Vec::new(),
            config_dir: None,
            proxy: None,
            ca_file: None,
            concurrency: 3,
            attempts: 5,
            first_wait: Duration::from_secs(1),
        }
    }
}
