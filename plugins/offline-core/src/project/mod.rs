//! The Compose project, read through `docker compose config`.
//!
//! Compose itself does interpolation, `include`, `extends`, overlays and
//! profiles; what it prints is read with tolerant structs. Only what an image
//! or a build depends on is kept. Where there is no Compose, `fallback` does
//! the same to the files.

mod bake;
mod build_target;
mod compose_yaml;
mod convert;
mod diagnose_stderr;
mod env_files;
mod error;
mod fallback;
mod files;
mod model;
mod named_files;
mod offline;
mod options;
mod read;
mod remote_files;
mod resolved;
mod run_needs;
mod secrets;
mod source_lines;
mod starts;
mod unset;

pub use bake::BakeIdentity;
pub(crate) use bake::escape;
pub(crate) use build_target::existing_dockerfile;
pub use build_target::{
    BuildContext, BuildSecret, BuildTarget, DockerfileSource, NamedContext, SecretSource, Ulimit,
};
pub(crate) use compose_yaml::{BuildChanges, ServiceChanges, mounted, rendered};
pub(crate) use diagnose_stderr::is_yaml;
pub use env_files::{MissingEnvFile, missing_env_files};
pub use error::Error;
pub use files::{
    GENERATED, GENERATED_STAY, directory, finds_files_itself, is_generated, names_file, stays,
    without_generated,
};
pub use model::{HiddenService, Location, Project, Service};
pub(crate) use named_files::plain;
pub use named_files::{NamedFiles, named_files};
pub use offline::{
    ModelHub, ModelStore, Mount, MountSource, NamedVolume, Offline, OfflineContainer,
    OfflineDownload, OfflineFiles, OfflineGit, OfflineImage, OfflineModel, OfflinePackage,
    OfflineVolume, PackageTool, package_word,
};
pub use options::ProjectOptions;
#[cfg(test)]
pub(crate) use read::from_config;
pub use read::{read, read_for_builds, read_without_compose};
pub use remote_files::remote_files;
pub use run_needs::{PublishedPort, RunNeeds};
pub use starts::{StartCommand, Starts};
pub use unset::{EnvExample, Unset};
