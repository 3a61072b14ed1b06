use std::path::PathBuf;

use crate::error::{Explain, Kind, io_kind};

/// Why the engine, or a command on the way to it, did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no `docker` command.
    #[error("the docker command was not found on PATH")]
    DockerMissing,
    /// buildx is not installed.
    #[error("docker buildx is not installed")]
    BuildxMissing,
    /// Compose is not installed.
    #[error("docker compose is not installed")]
    ComposeMissing,
    /// The engine does not answer.
    #[error("the Docker engine does not answer: {message}")]
    Unreachable {
        /// What docker printed.
        message: String,
    },
    /// The socket may not be opened.
    #[error("this user may not talk to the Docker engine: {message}")]
    Denied {
        /// What docker printed.
        message: String,
    },
    /// The context is not defined.
    #[error("the Docker context does not exist: {message}")]
    ContextUnknown {
        /// What docker printed.
        message: String,
    },
    /// The engine's disk is full.
    #[error("the engine's disk is full: {message}")]
    DiskFull {
        /// What docker printed.
        message: String,
    },
    /// A docker command failed.
    #[error("`{command}` failed with {status}: {message}")]
    Failed {
        /// The command, without global flags.
        command: String,
        /// Its exit status.
        status: String,
        /// The part of its standard error that says why.
        message: String,
    },
    /// docker printed something that cannot be read.
    #[error("`{command}` printed something unexpected: {why}")]
    Unexpected {
        /// The command.
        command: String,
        /// What could not be read.
        why: String,
    },
    /// A pipe or file failed.
    #[error("cannot run {program}", program = program.display())]
    Io {
        /// The program.
        program: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The user interrupted.
    #[error("interrupted")]
    Interrupted,
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::DockerMissing => Kind::DockerMissing,
            Self::BuildxMissing => Kind::BuildxMissing,
            Self::ComposeMissing => Kind::ComposeMissing,
            Self::Unreachable { .. } => Kind::EngineUnreachable,
            Self::Denied { .. } => Kind::EngineDenied,
            Self::ContextUnknown { .. } => Kind::ContextUnknown,
            Self::DiskFull { .. } => Kind::DiskFull,
            Self::Failed { .. } | Self::Unexpected { .. } => Kind::EngineFailed,
            Self::Io { source, .. } => io_kind(source),
            Self::Interrupted => Kind::Interrupted,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::DockerMissing => "install the Docker CLI, or add its folder to PATH".into(),
            Self::BuildxMissing => {
                "install the buildx plugin (package docker-buildx-plugin or docker-buildx) and check it with: docker buildx version".into()
            }
            Self::ComposeMissing => {
                "install the Compose plugin (package docker-compose-plugin or docker-compose) and check it with: docker compose version".into()
            }
            Self::Unreachable { .. } => {
                "start it (sudo systemctl start docker), or name the right one with --context, -H or DOCKER_HOST; check with: docker info".into()
            }
            Self::Denied { .. } => {
                "add yourself to the docker group (sudo usermod -aG docker $USER, then log in again), or run the command with sudo".into()
            }
            Self::ContextUnknown { .. } => "list the contexts with: docker context ls".into(),
            Self::DiskFull { .. } => {
                "free space where the engine keeps its data (docker system df, docker info -f '{{.DockerRootDir}}') and run the same command again".into()
            }
            _ => return None,
        })
    }
}

impl Error {
    /// Classifies what a docker command printed when it failed.
    ///
    /// The texts are those of docker/cli (`cli/command`, `cli/context`) and of
    /// moby's client (`client/errors.go`).
    pub(crate) fn from_stderr(command: &str, status: String, stderr: &str) -> Self {
        let message = last_words(stderr);
        let has = |text: &str| stderr.contains(text);
        // Without the plugin, docker reads the plugin's flags as its own before
        // it looks for the command, and complains of the first (20.10 to 28.5).
        let own_usage = stderr.starts_with("unknown ") && has("Usage:  docker [OPTIONS] COMMAND");
        if own_usage && command.starts_with("docker compose") {
            Self::ComposeMissing
        } else if own_usage && command.starts_with("docker buildx") {
            Self::BuildxMissing
        } else if has("permission denied while trying to connect")
            || has("dial unix") && has("permission denied")
        {
            Self::Denied { message }
        } else if has("Cannot connect to the Docker daemon")
            || has("error during connect")
            || has("failed to connect to the docker API")
            || has("connection refused") && has("dial")
            || has("dial unix") && has("no such file")
        {
            Self::Unreachable { message }
        } else if has("context")
            && has("not found")
            && (has("context \"") || has("current context"))
            || has("unable to resolve docker endpoint")
        {
            Self::ContextUnknown { message }
        } else if has("no space left on device") || has("disk quota exceeded") {
            Self::DiskFull { message }
        } else if has("unknown command: docker compose")
            || has("'compose' is not a docker command")
            || has("is not a docker command") && command.contains("compose")
        {
            Self::ComposeMissing
        } else if has("unknown command: docker buildx")
            || has("'buildx' is not a docker command")
            || has("BuildKit is enabled but the buildx component is missing")
        {
            Self::BuildxMissing
        } else {
            Self::Failed {
                command: command.to_owned(),
                status,
                message,
            }
        }
    }
}

/// The last lines of a tool's standard error that carry words.
fn last_words(stderr: &str) -> String {
    let lines: Vec<&str> = stderr
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect();
    let usage = |l: &&&str| !l.starts_with("Run 'docker") && !l.starts_with("See 'docker");
    let kept: Vec<&str> = lines.iter().filter(usage).copied().collect();
    kept[kept.len().saturating_sub(3)..].join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_plugin_is_told_by_docker_s_own_usage() {
        let said =
            "unknown flag: --format\nSee 'docker --help'.\n\nUsage:  docker [OPTIONS] COMMAND\n";
        let of = |command: &str, said: &str| Error::from_stderr(command, "125".into(), said);
        let compose = "docker compose config --format json";
        assert!(matches!(of(compose, said), Error::ComposeMissing));
        let buildx = "docker buildx inspect";
        assert!(matches!(of(buildx, said), Error::BuildxMissing));
        let own = "unknown flag: --x\n\nUsage:  docker compose config [OPTIONS] [SERVICE...]\n";
        assert!(matches!(of(compose, own), Error::Failed { .. }));
    }
}
