use std::path::PathBuf;

use crate::dockerfile;
use crate::error::{Explain, Kind, io_kind};
use crate::project::{self, Location};
use crate::reference::InvalidReference;

/// Why it cannot be said what a project needs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The project itself is at fault.
    #[error(transparent)]
    Project(#[from] project::Error),
    /// A Dockerfile cannot be parsed.
    #[error("the Dockerfile of service {service} cannot be used")]
    Dockerfile {
        /// The service.
        service: String,
        /// What is wrong, with file and line.
        source: dockerfile::Error,
    },
    /// A Dockerfile could not be read.
    #[error("cannot read {} of service {service}", path.display())]
    Io {
        /// The service.
        service: String,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// An image reference is not one.
    #[error("{location}: {what} of service {service} names no image")]
    Reference {
        /// The service.
        service: String,
        /// The instruction or key, e.g. `FROM`.
        what: String,
        /// Where it stands.
        location: Location,
        /// What is wrong.
        source: InvalidReference,
    },
    /// The target is no stage of the Dockerfile.
    #[error("{}: the Dockerfile of service {service} has no stage {target}", path.display())]
    TargetMissing {
        /// The service.
        service: String,
        /// The target.
        target: String,
        /// The Dockerfile.
        path: PathBuf,
        /// The stages it has.
        stages: Vec<String>,
    },
    /// A stage or a service needs itself.
    #[error("{location}: a cycle: {}", path.join(" needs "))]
    Cycle {
        /// The way from one to itself.
        path: Vec<String>,
        /// Where one of them stands.
        location: Location,
    },
    /// A platform is not one.
    #[error("{location}: {platform:?} of service {service} is no platform")]
    Platform {
        /// The service.
        service: String,
        /// The text.
        platform: String,
        /// Where it stands.
        location: Location,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Project(error) => error.kind(),
            Self::Dockerfile { source, .. } => source.kind(),
            Self::Io { source, .. } => io_kind(source),
            Self::Reference { .. } => Kind::ReferenceInvalid,
            Self::TargetMissing { .. } | Self::Platform { .. } | Self::Cycle { .. } => {
                Kind::DockerfileInvalid
            }
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Project(error) => return error.hint(),
            Self::Dockerfile { source, .. } => return source.hint(),
            Self::Io { .. } => return None,
            Self::Reference { source, .. } => return source.hint(),
            Self::TargetMissing { stages, .. } if stages.is_empty() => {
                "none of its stages has a name; remove `target`, or name one with AS".into()
            }
            Self::TargetMissing { stages, .. } => format!("it has: {}", stages.join(", ")),
            Self::Cycle { .. } => {
                "break the circle: one of them must build without the other".into()
            }
            Self::Platform { .. } => "write it as os/architecture, e.g. linux/amd64".into(),
        })
    }
}
