use crate::error::{Explain, Kind};

/// Why what was built does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// New containers did not become healthy; those of the old image run again.
    #[error("{}: the edit does not run", services.join(", "))]
    PutBack {
        /// The services.
        services: Vec<String>,
    },
    /// Containers do not run, and there is nothing to put back, or that does not run either.
    #[error("{} does not run", services.join(", "))]
    NotHealthy {
        /// The services.
        services: Vec<String>,
        /// How long they were given, in seconds.
        within: u64,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::PutBack { .. } => Kind::PutBack,
            Self::NotHealthy { .. } => Kind::NotHealthy,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::PutBack { .. } => {
                "its last words are above, if it had any, and its old image runs again; mend the edit, and run the same command again".into()
            }
            Self::NotHealthy { services, within } => format!(
                "its last words are above, if it had any, and more of them by: docker compose logs {}; where it needs more than {within} seconds: --wait-timeout",
                services.join(" ")
            ),
        })
    }
}
