//! `docker-compose` as a command of its own, where Compose is no plugin of docker.

use std::ffi::OsString;

use super::{Docker, Error};

/// The command's name.
pub(super) const PROGRAM: &str = "docker-compose";

impl Docker {
    /// The `docker-compose` command on PATH, for the same engine and ended by the same
    /// interrupt: docker-compose 1 is that of sites with Engine 20.10 (fact 33).
    pub fn old_compose(&self) -> Result<Self, Error> {
        let program = which::which(PROGRAM).map_err(|_| Error::ComposeMissing)?;
        Ok(self.clone().with_program(program, translated))
    }
}

/// Docker's global flags as docker-compose 1 takes them; what it takes as a variable of
/// the environment comes second.
fn translated(flags: Vec<OsString>) -> (Vec<OsString>, Vec<(OsString, OsString)>) {
    let (mut kept, mut environment) = (Vec::new(), Vec::new());
    let mut flags = flags.into_iter();
    while let Some(flag) = flags.next() {
        let text = flag.to_string_lossy();
        if text == "--config" {
            let folder = flags.next().unwrap_or_default();
            environment.push(("DOCKER_CONFIG".into(), folder));
        } else if let Some(folder) = text.strip_prefix("--config=") {
            environment.push(("DOCKER_CONFIG".into(), folder.into()));
        } else if text == "--debug" || text == "-D" {
            // It talks of its own doings by --verbose; of the engine's it has nothing.
        } else {
            kept.push(flag);
        }
    }
    (kept, environment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_settings_is_a_variable_and_the_engine_a_flag() {
        let flags = ["--config", "/c", "-H", "tcp://site:2376", "-D", "--tls"];
        let (kept, environment) = translated(flags.map(OsString::from).to_vec());
        assert_eq!(kept, ["-H", "tcp://site:2376", "--tls"]);
        assert_eq!(environment, [("DOCKER_CONFIG".into(), "/c".into())]);
        let (kept, environment) = translated(vec!["--config=/d".into()]);
        assert!(kept.is_empty());
        assert_eq!(environment, [("DOCKER_CONFIG".into(), "/d".into())]);
    }
}
