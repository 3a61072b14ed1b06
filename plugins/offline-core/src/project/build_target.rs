use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Error, Location};
use crate::reference::ImageReference;

/// The `build` section of a service, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildTarget {
    /// What the build sends as its context.
    pub context: BuildContext,
    /// Where the Dockerfile is.
    pub dockerfile: DockerfileSource,
    /// Build arguments; `None` takes the value from the environment.
    pub args: BTreeMap<String, Option<String>>,
    /// The stage to build; the last one where none is named.
    pub target: Option<String>,
    /// `additional_contexts`.
    pub additional_contexts: BTreeMap<String, NamedContext>,
    /// The network of RUN steps. Part of their cache keys.
    pub network: Option<String>,
    /// Secrets that `RUN --mount=type=secret` can ask for.
    pub secrets: Vec<BuildSecret>,
    /// SSH agents or keys, `id` or `id=path`.
    pub ssh: Vec<String>,
    /// Platforms to build for; the service's own where none is named.
    pub platforms: Vec<String>,
    /// Host names with their addresses.
    pub extra_hosts: BTreeMap<String, Vec<String>>,
    /// Size of `/dev/shm` in bytes.
    pub shm_size: Option<String>,
    /// Limits of RUN steps.
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// Names of the image besides the service's own.
    pub tags: Vec<String>,
    /// Extra rights (`network.host`, `security.insecure`).
    pub entitlements: Vec<String>,
    /// `privileged`.
    pub privileged: bool,
    /// Cache sources of the project's own.
    pub cache_from: Vec<String>,
    /// Cache targets of the project's own.
    pub cache_to: Vec<String>,
    /// `no_cache`.
    pub no_cache: bool,
    /// Stages that `no_cache_filter` names.
    pub no_cache_filter: Vec<String>,
    /// `pull`.
    pub pull: bool,
    /// `isolation` (Windows).
    pub isolation: Option<String>,
    /// `provenance`.
    pub provenance: Option<String>,
    /// `sbom`.
    pub sbom: Option<String>,
    /// Where the Compose file says what the Dockerfile is, where found: the key
    /// `dockerfile_inline`, `dockerfile`, `build`, or else the service.
    pub location: Option<Location>,
    /// How many lines of the Compose file come before an inline Dockerfile.
    pub inline_offset: u32,
}

impl BuildTarget {
    /// Fails if the context folder or the Dockerfile of this service is missing.
    pub fn check(&self, service: &str) -> Result<(), Error> {
        let BuildContext::Directory(folder) = &self.context else {
            return Ok(());
        };
        if !folder.is_dir() {
            return Err(Error::ContextMissing {
                service: service.to_owned(),
                path: folder.clone(),
                location: self.location.clone(),
            });
        }
        match &self.dockerfile {
            DockerfileSource::File(path) if existing_dockerfile(path).is_none() => {
                Err(Error::DockerfileMissing {
                    service: service.to_owned(),
                    path: path.clone(),
                    location: self.location.clone(),
                })
            }
            _ => Ok(()),
        }
    }
}

/// The file itself, or `dockerfile` in place of `Dockerfile`, which buildx
/// accepts too (`build/opt.go`, `handleLowercaseDockerfile`).
pub(crate) fn existing_dockerfile(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        return Some(path.to_owned());
    }
    let lower = path.with_file_name("dockerfile");
    (path.file_name()? == "Dockerfile" && lower.is_file()).then_some(lower)
}

/// What a build sends as its context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildContext {
    /// A folder, absolute.
    Directory(PathBuf),
    /// A git repository or an archive somewhere else.
    Remote(String),
}

/// Where a Dockerfile is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DockerfileSource {
    /// A file, absolute; relative to the context where that is remote.
    File(PathBuf),
    /// In the Compose file.
    Inline(String),
}

/// What a name in `additional_contexts` stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedContext {
    /// `docker-image://`.
    Image(ImageReference),
    /// `service:`, the image another service builds.
    Service(String),
    /// A folder, absolute.
    Directory(PathBuf),
    /// `oci-layout://`, with its path, tag and digest as written.
    OciLayout(String),
    /// A git repository, an archive, or `target:` of a bake file.
    Remote(String),
}

/// A secret that a build may mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildSecret {
    /// The id that RUN steps use.
    pub id: String,
    /// Its name among the project's secrets.
    pub name: String,
    /// Where its content comes from.
    pub source: SecretSource,
}

/// Where the content of a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A file, absolute.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
}

/// A limit of RUN steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ulimit {
    /// The soft limit.
    pub soft: i64,
    /// The hard limit.
    pub hard: i64,
}
