//! `x-offline`: what the Compose file says is to be carried besides images.
//!
//! `docs/x-offline.schema.json` is its schema; a test holds the two together.

mod downloads;
mod git;
mod images;
mod lines;
mod models;
mod packages;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Location;
use crate::layout::Digest;
use crate::reference::ImageReference;

pub use packages::package_word;
pub(super) use read::read;

/// The key, at the top of a Compose file and in a service.
pub(super) const KEY: &str = "x-offline";
/// What stands below it.
pub(super) const KEYS: &[&str] = &[
    "containers",
    "downloads",
    "files",
    "git",
    "images",
    "models",
    "packages",
    "volumes",
];
/// What an entry of `containers` has.
pub(super) const CONTAINER_KEYS: [&str; 2] = ["name", "image"];
/// What an entry of `files` has.
pub(super) const FILE_KEYS: [&str; 2] = ["path", "target"];
/// What an entry of `images` has.
pub(super) const IMAGE_KEYS: [&str; 1] = ["name"];
/// What an entry of `volumes` has.
pub(super) const VOLUME_KEYS: [&str; 2] = ["name", "pause"];

/// What a project wants to be carried besides images, and what of it could be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offline {
    /// Containers that were configured by hand.
    pub containers: Vec<OfflineContainer>,
    /// Files of the web.
    pub downloads: Vec<OfflineDownload>,
    /// Files and folders.
    pub files: Vec<OfflineFiles>,
    /// Git repositories.
    pub git: Vec<OfflineGit>,
    /// Images besides those that builds and services ask for.
    pub images: Vec<OfflineImage>,
    /// Models.
    pub models: Vec<OfflineModel>,
    /// What package managers shall fetch besides.
    pub packages: Vec<OfflinePackage>,
    /// Named volumes.
    pub volumes: Vec<OfflineVolume>,
    /// What the services mount, declared or not.
    pub mounts: Vec<Mount>,
}

impl Offline {
    /// The images that are carried by their names, those of containers among them, with the
    /// service that wants each.
    pub fn named_images(&self) -> impl Iterator<Item = (&ImageReference, Option<&str>)> {
        let images = self.images.iter();
        let images = images.map(|one| (&one.reference, one.service.as_deref()));
        let containers = self.containers.iter();
        images
            .chain(containers.filter_map(|one| Some((one.image.as_ref()?, one.service.as_deref()))))
    }
}

/// A container to be carried as an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflineContainer {
    /// Its name.
    pub name: String,
    /// The image that it becomes; `None` for that of the service whose container it is.
    pub image: Option<ImageReference>,
    /// The service that wants it; `None` where the whole project does.
    pub service: Option<String>,
    /// The line.
    pub location: Option<Location>,
}

/// A file of the web to be carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflineDownload {
    /// Where it can be fetched, the best first; never empty.
    pub urls: Vec<String>,
    /// What its content is; without it, an export only says what it has to be.
    pub sha256: Option<Digest>,
    /// Its mode.
    pub mode: u32,
    /// Where it goes: absolute, or from the project's folder on. Its name in the bundle.
    pub target: String,
    /// The service that wants it; `None` where the whole project does.
    pub service: Option<String>,
    /// The line.
    pub location: Option<Location>,
}

/// A file or folder to be carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflineFiles {
    /// Where it lies on the machine that exports, absolute.
    pub source: PathBuf,
    /// Where it goes: absolute, or from the project's folder on. Its name in the bundle.
    pub target: String,
    /// The service that wants it; `None` where the whole project does.
    pub service: Option<String>,
    /// The line.
    pub location: Option<Location>,
}

/// A git repository to be carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflineGit {
    /// Its address, or its folder on the machine that exports, absolute.
    pub url: String,
    /// A branch, a tag or a commit; `None` for the server's default branch.
    pub reference: Option<String>,
    /// Where its files go: absolute, or from the project's folder on. Its name in the bundle.
    pub target: String,
    /// Whether its submodules are fetched.
    pub submodules: bool,
    /// Whether the content of files that git-lfs keeps elsewhere is fetched.
    pub lfs: bool,
    /// The service that wants it; `None` where the whole project does.
    pub service: Option<String>,
    /// The line.
    pub location: Option<Location>,
}

/// An image to be carried besides those that builds and services ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflineImage {
    /// Its name.
    pub reference: ImageReference,
    /// The service that wants it; `None` where the whole project does.
    pub service: Option<String>,
    /// The line.
    pub location: Option<Location>,
}

/// A model to be carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflineModel {
    /// Whose it is.
    pub hub: ModelHub,
    /// Its name there.
    pub name: String,
    /// A branch, a tag or a commit; `None` for the usual branch.
    pub revision: Option<String>,
    /// Patterns of the files that are wanted; empty for all.
    pub files: Vec<String>,
    /// The store that it is read from; `None` for a hub.
    pub from: Option<ModelStore>,
    /// The store that it goes to.
    pub target: ModelStore,
    /// The service that wants it; `None` where the whole project does.
    pub service: Option<String>,
    /// The line.
    pub location: Option<Location>,
}

impl OfflineModel {
    /// Its name in the bundle.
    pub fn key(&self) -> String {
        let revision = self.revision.as_ref().map(|r| format!("@{r}"));
        let (hub, name) = (self.hub.name(), &self.name);
        format!("{hub}/{name}{}", revision.unwrap_or_default())
    }
}

/// Whose models there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelHub {
    /// A store of Ollama.
    Ollama,
    /// Hugging Face.
    HuggingFace,
    /// `ModelScope`.
    ModelScope,
}

impl ModelHub {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ollama, Self::HuggingFace, Self::ModelScope];

    /// Its key in `x-offline`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ollama => "ollama",
            Self::HuggingFace => "huggingface",
            Self::ModelScope => "modelscope",
        }
    }
}

/// Where models lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelStore {
    /// A folder: absolute, or from the project's folder on.
    Folder(String),
    /// A volume.
    Volume(NamedVolume),
}

/// A package to be fetched besides those that the steps of a build ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflinePackage {
    /// Who fetches it.
    pub tool: PackageTool,
    /// What the tool is asked for.
    pub word: String,
    /// The service that wants it; `None` where the whole project does.
    pub service: Option<String>,
    /// The line; `None` where a flag asks for it.
    pub location: Option<Location>,
}

/// A package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageTool {
    /// Debian's.
    Apt,
    /// Node's.
    Npm,
    /// Python's.
    Pip,
}

impl PackageTool {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Apt, Self::Npm, Self::Pip];

    /// Its key in `packages`, and its flag behind `--also-`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Apt => "apt",
            Self::Npm => "npm",
            Self::Pip => "pip",
        }
    }
}

/// A named volume to be carried with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflineVolume {
    /// The volume.
    pub volume: NamedVolume,
    /// Whether the containers that use it are paused meanwhile.
    pub pause: bool,
    /// The service that wants it; `None` where the whole project does.
    pub service: Option<String>,
    /// The line.
    pub location: Option<Location>,
}

/// A volume of the project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedVolume {
    /// Its name in the Compose file. Its name in the bundle.
    pub key: String,
    /// Its name in the engine.
    pub name: String,
    /// Whether Compose expects it to be there.
    pub external: bool,
    /// Its driver, where one is named.
    pub driver: Option<String>,
    /// What the driver is told.
    pub options: BTreeMap<String, String>,
}

/// What a service mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The service.
    pub service: String,
    /// What it mounts.
    pub source: MountSource,
    /// The line, where found.
    pub location: Option<Location>,
}

/// Where what is mounted comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountSource {
    /// A file or folder of the host, absolute.
    Bind(PathBuf),
    /// A volume with a name.
    Volume(NamedVolume),
}
