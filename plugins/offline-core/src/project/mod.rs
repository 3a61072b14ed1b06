//! The Compose project, read through `docker compose config`.
//!
//! Compose itself does interpolation, `include`, `extends`, overlays and
//! profiles; what it prints is read with tolerant structs. Only what an image
//! or a build depends on is kept.

mod build_target;
mod error;
mod model;
mod options;

pub use build_target::{
    BuildContext, BuildSecret, BuildTarget, DockerfileSource, NamedContext, SecretSource, Ulimit,
};
pub use error::Error;
pub use model::{HiddenService, Location, Project, Service};
pub use options::ProjectOptions;
