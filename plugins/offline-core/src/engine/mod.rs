//! The Docker engine, spoken to through the user's own `docker` command.
//!
//! The command brings contexts, TLS, ssh, credential helpers, buildx and Compose
//! with it exactly as the user has set them up; see `docs/architecture.md`.

mod api;
mod bake;
mod build_log;
mod build_progress;
mod classic_log;
mod cli;
mod containers;
mod disk;
mod error;
mod images;
mod info;
mod old_compose;
pub(crate) mod own_image;
pub(crate) mod plugins;
mod proxy_place;
mod reach;
mod volumes;

pub use bake::{BakeFile, Watch, local_cache_source};
#[cfg(test)]
pub(crate) use build_log::parse_step;
pub use build_log::{BuildLog, Step, StepFailure};
pub use build_progress::Change;
pub use classic_log::{ClassicLog, ClassicStep};
pub use cli::{Docker, Output};
pub use containers::{
    ContainerConfig, ContainerHealth, ContainerState, HealthRun, ServiceContainer,
};
pub use disk::{Disk, KEPT_FREE};
pub use error::Error;
pub use images::LocalImage;
pub use info::{EngineInfo, Store, generation};
pub use own_image::ProgramError;
pub use plugins::{docker_config, plugin_folders};
pub use proxy_place::{NoProxyPlace, ProxyPlace};
pub use reach::{REACH, Unreached, reach};
