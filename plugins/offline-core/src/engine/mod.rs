//! The Docker engine, spoken to through the user's own `docker` command.
//!
//! The command brings contexts, TLS, ssh, credential helpers, buildx and Compose
//! with it exactly as the user has set them up; see `docs/architecture.md`.

mod bake;
mod build_log;
mod classic_log;
mod cli;
mod error;
mod images;
mod info;

pub use bake::{BakeFile, local_cache_source};
pub use build_log::{BuildLog, Step, StepFailure};
pub use classic_log::{ClassicLog, ClassicStep};
pub use cli::{Docker, Output};
pub use error::Error;
pub use images::{LocalImage, RootFs};
pub use info::{EngineInfo, Store, generation};
