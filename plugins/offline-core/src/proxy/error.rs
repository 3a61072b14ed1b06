use std::path::PathBuf;

use crate::engine::Unreached;
use crate::error::{Explain, Kind, io_kind};

/// Why the proxy in a container could not be started, or be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It ended, or never began.
    #[error("the proxy in the engine's container {name} does not answer: {why}")]
    Silent {
        /// The container.
        name: String,
        /// What it, or docker, printed.
        why: String,
    },
    /// It answered something else.
    #[error("the proxy in the engine's container {name} answered what was not asked")]
    Confused {
        /// The container.
        name: String,
    },
    /// The container has no address that builds could reach.
    #[error("the engine's container {name} has no address on the default bridge")]
    NoAddress {
        /// The container.
        name: String,
    },
    /// It does not come to listen.
    #[error("the proxy in the engine's container {name} does not start: {why}")]
    Refused {
        /// The container.
        name: String,
        /// Its words.
        why: String,
    },
    /// Containers do not reach each other.
    #[error("{0}")]
    Unreached(Unreached),
    /// The hidden command was started by hand.
    #[error("this is a part of docker offline export and build, and not run by itself")]
    ByHand,
    /// The proxy failed.
    #[error("the proxy failed")]
    Proxy(#[source] offline_network::Error),
    /// A file could not be read or written.
    #[error("cannot {action} {path}", path = path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

impl Error {
    /// For `map_err` on a file operation.
    pub(super) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::File { source, .. } => io_kind(source),
            Self::Unreached(_) => Kind::ProxyUnreachable,
            _ => Kind::EngineFailed,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unreached(_) => "let containers of the default bridge reach each other (\"icc\": true in daemon.json)".into(),
            Self::File { .. } => "check the rights of that file, and run the same command again".into(),
            Self::ByHand => "run docker offline export or docker offline build".into(),
            _ => "run the same command again; docker events and the engine's own log say more about the container".into(),
        })
    }
}
