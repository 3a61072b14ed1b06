use std::path::PathBuf;

use crate::error::{Explain, Kind, io_kind};

/// Why the replay service could not be set up, run or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to replay.
    #[error("the bundle holds no recording of the network, so that there is nothing to stay for")]
    NothingRecorded,
    /// The container does not answer.
    #[error("the replay service does not answer on {address}; it printed: {log}")]
    Silent {
        /// Where it should.
        address: String,
        /// Its last words.
        log: String,
    },
    /// No port is free.
    #[error("none of the ports {first} to {last} is free on {address}")]
    NoPort {
        /// Where.
        address: std::net::IpAddr,
        /// The first port tried.
        first: u16,
        /// The last one.
        last: u16,
    },
    /// The proxy does not start.
    #[error("the replay service cannot start")]
    Proxy(#[source] offline_network::Error),
    /// The service was started by hand, without what `--stay` gives it.
    #[error(
        "this is a part of docker offline build --stay, and not run by itself: {what} is not set"
    )]
    ByHand {
        /// The variable.
        what: &'static str,
    },
    /// A file could not be read, written or removed.
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
            Self::NothingRecorded => Kind::BundleIncomplete,
            Self::Silent { .. } | Self::NoPort { .. } | Self::Proxy(_) | Self::ByHand { .. } => {
                Kind::EngineFailed
            }
            Self::File { source, .. } => io_kind(source),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NothingRecorded => {
                "export again without --no-record; without a recording, docker offline build builds what the carried cache holds".into()
            }
            Self::Silent { .. } => {
                "docker logs says more; docker offline build --leave removes it, and docker offline build replays without it".into()
            }
            Self::NoPort { .. } => "end what listens there (ss -ltnp), or replay without --stay".into(),
            Self::Proxy(_) => "run docker offline build --stay again".into(),
            Self::ByHand { .. } => "run docker offline build --stay".into(),
            Self::File { .. } => "check the rights of that folder, and run the same command again".into(),
        })
    }
}
