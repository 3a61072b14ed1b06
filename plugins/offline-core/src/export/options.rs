use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::carried::Reach;
use crate::compatibility::Engine;
use crate::project::{OfflinePackage, ProjectOptions};

/// Where the archive goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ArchiveChoice {
    /// `build-cache-YYYYMMDD.tar.zst` beside the Compose file, or
    /// `<folder>-YYYYMMDD.tar.zst` beside a bundle folder of the user's own.
    #[default]
    Dated,
    /// No archive: the bundle folder is carried as it is.
    None,
    /// This file; its ending decides the format.
    File(PathBuf),
}

/// What to export, from where to where.
#[derive(Debug, Clone, Default)]
pub struct ExportOptions {
    /// Which project.
    pub project: ProjectOptions,
    /// Services; empty means all.
    pub services: Vec<String>,
    /// The bundle folder; `None` means `build-cache` beside the Compose file.
    pub cache_dir: Option<PathBuf>,
    /// The archive.
    pub archive: ArchiveChoice,
    /// The most bytes that a file of the archive may have; `None` writes it as one file.
    pub split: Option<u64>,
    /// The platform; `None` means the engine's.
    pub platform: Option<String>,
    /// Build arguments besides those of the Compose files. They are carried.
    pub build_args: BTreeMap<String, String>,
    /// The proxy for registries and for the builds' own network steps.
    pub http_proxy: Option<String>,
    /// A PEM file of authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether nothing is done but to decide.
    pub dry_run: bool,
    /// Whether what the builds fetch is recorded.
    pub record_network: bool,
    /// Containers to be carried as images, besides those of `x-offline`.
    pub containers: Vec<String>,
    /// Packages to be fetched, besides those of `x-offline`.
    pub packages: Vec<OfflinePackage>,
    /// Whether the project's folder is carried.
    pub with_source: bool,
    /// Whether the docker command's plugins are carried.
    pub with_tools: bool,
    /// Whether the finished images of services are carried.
    pub finished_images: bool,
    /// Whether a service that cannot be recorded ends the export.
    pub strict: bool,
    /// The engine of the site, where known.
    pub site: Option<Engine>,
    /// Go on where the export would be refused.
    pub force: bool,
    /// This tool's version, for the record.
    pub tool_version: String,
    /// The user's docker configuration folder, for registry credentials.
    pub docker_config: Option<PathBuf>,
    /// The tool's own binaries, to be put beside the archive.
    pub binaries: Vec<PathBuf>,
}

impl ExportOptions {
    /// How servers other than registries are reached.
    pub(super) fn reach(&self) -> Reach {
        Reach {
            proxy: self.http_proxy.clone(),
            ca_file: self.ca_file.clone(),
        }
    }
}
