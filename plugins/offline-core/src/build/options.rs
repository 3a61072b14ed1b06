use std::path::PathBuf;

use crate::carried::Replace;
use crate::project::ProjectOptions;

/// What to build, from which bundle.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// Which project.
    pub project: ProjectOptions,
    /// Services; empty means all.
    pub services: Vec<String>,
    /// The bundle folder or archive; `None` means to look for one.
    pub bundle: Option<PathBuf>,
    /// Where an archive is unpacked; `None` means `build-cache` beside the
    /// Compose file.
    pub cache_dir: Option<PathBuf>,
    /// Load and stop.
    pub setup: bool,
    /// Load everything, finished images of services among it, and build nothing.
    pub load_only: bool,
    /// One more tag for what is built.
    pub version: Option<String>,
    /// Build with the classic builder, whatever else there is.
    pub classic: bool,
    /// Build also services whose network steps will miss the cache.
    pub force: bool,
    /// Where to write down what was asked for and is not recorded.
    pub wanted: Option<PathBuf>,
    /// What is overwritten of that which lies in the place of something carried.
    pub replace: Replace,
    /// Leave a replay service running, so that plain Compose replays too.
    pub stay: bool,
}
