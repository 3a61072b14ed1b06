use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use super::source_lines::Sources;
use super::{Location, Project, SecretSource};
use crate::engine::Docker;

impl Project {
    /// What a secret holds on this machine; `None` where buildx would find nothing: a
    /// file that is not there, a variable that is not set or empty.
    pub fn secret_value(&self, source: &SecretSource) -> Option<Vec<u8>> {
        match source {
            SecretSource::File(path) => std::fs::read(path).ok(),
            SecretSource::Environment(name) => std::env::var_os(name)
                .map(std::os::unix::ffi::OsStringExt::into_vec)
                .or_else(|| Some(self.secret_variables.get(name)?.clone().into_bytes()))
                .filter(|value| !value.is_empty()),
        }
    }

    /// The docker command with the variables that secrets are taken from, where an env
    /// file alone sets them: Compose passes them on, and bake reads its environment.
    #[must_use]
    pub fn with_secret_variables(&self, docker: &Docker) -> Docker {
        let variables = self.secret_variables.iter();
        variables.fold(docker.clone(), |docker, (name, value)| {
            docker.with_env(name, OsStr::from_bytes(value.as_bytes()))
        })
    }

    /// Where a key stands in the Compose files, or the first of its parents that is
    /// found.
    pub fn line_of(&self, key: &[&str]) -> Option<Location> {
        Sources::read(&self.files).key(key)
    }
}
