use std::path::PathBuf;

use crate::error::{Explain, Kind};
use crate::project::Location;

/// Why a container cannot be carried.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is none of this name, or it does not run.
    #[error("{}the container {name} {state}", at(location.as_ref()))]
    NotRunning {
        /// Its name.
        name: String,
        /// What is to be said of it: `does not exist`, `is exited`.
        state: String,
        /// Where it is declared.
        location: Option<Location>,
    },
    /// No service asks for an image of it.
    #[error("{}no service of the project runs the container {name}, or its image {image}", at(location.as_ref()))]
    Unasked {
        /// Its name.
        name: String,
        /// The image that it was made of.
        image: String,
        /// Where it is declared.
        location: Option<Location>,
    },
    /// The site would make the image anew, or needs another one of that name.
    #[error("{}the container {name} cannot be carried as {image}: {why}", at(location.as_ref()))]
    Taken {
        /// Its name.
        name: String,
        /// The image's name.
        image: String,
        /// What else has that name.
        why: String,
        /// Where it is declared.
        location: Option<Location>,
    },
    /// A disk has too little room.
    #[error("carrying the container {name} takes about {} MB in {}, where {} MB are free", needed.div_ceil(1_000_000), folder.display(), free / 1_000_000)]
    NoRoom {
        /// Its name.
        name: String,
        /// Bytes.
        needed: u64,
        /// Bytes.
        free: u64,
        /// A folder on that disk.
        folder: PathBuf,
    },
    /// It was committed, and the engine does not give the image.
    #[error("the engine does not give the image of the container {name}")]
    Lost {
        /// Its name.
        name: String,
    },
}

fn at(location: Option<&Location>) -> String {
    location.map_or_else(String::new, |l| format!("{l}: "))
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotRunning { .. } => Kind::CarriedMissing,
            Self::Unasked { .. } => Kind::UnknownService,
            Self::Taken { .. } => Kind::ComposeInvalid,
            Self::NoRoom { .. } => Kind::DiskFull,
            Self::Lost { .. } => Kind::EngineFailed,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotRunning { name, .. } => format!(
                "docker ps lists those that run; where it is stopped: docker start {name}"
            ),
            Self::Unasked { name, .. } => format!(
                "say which image it becomes, and let a service run that: x-offline: {{containers: [{{name: {name}, image: NAME:TAG}}]}}"
            ),
            Self::Taken { name, .. } => format!(
                "give it a name of its own, and let the service run that: x-offline: {{containers: [{{name: {name}, image: NAME:TAG}}]}}"
            ),
            Self::NoRoom { .. } => {
                "free space there (docker system df shows what Docker uses), or choose another disk for the bundle with --cache-dir; nothing was changed".into()
            }
            Self::Lost { .. } => {
                "run the same command again; docker system info says whether the engine is well".into()
            }
        })
    }
}
