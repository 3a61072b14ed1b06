//! What an engine will not find in a cache that another engine made, and what the
//! classic builder cannot build at all.
//!
//! Every rule here was measured (`docs/engine-facts.md`): cache keys change with
//! BuildKit's generation, and `COPY --link` has other keys on the other kind of
//! image store. A step that misses re-runs all that depends on it; if that needs
//! a network, the build cannot succeed on site.

mod classic;
mod classic_copy;
mod classic_text;
mod miss;
mod service_contexts;
mod watched_builds;

pub use classic::{Obstacle, ObstacleOf, classic_obstacles};
pub(crate) use classic_copy::{from_of, names_of_buildkit, range};
pub(crate) use classic_text::Lines;
pub use miss::{Miss, Reason, misses};
pub(crate) use service_contexts::major_minor;
pub use service_contexts::unread_service_contexts;
pub(crate) use watched_builds::{BUILDX_WATCHES_SINCE, ENGINE_WATCHES_SINCE, can_watch_builds};

use crate::engine::{EngineInfo, Store, generation};

/// The newest generation of which anything is known; a newer one is taken to compute
/// the same keys.
pub const NEWEST_KNOWN: u32 = 29;

/// An engine as far as cache keys are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// Its version.
    pub version: String,
    /// Its image store; `None` where not known.
    pub store: Option<Store>,
    /// Its Compose plugin's version; `None` where not known.
    pub compose: Option<String>,
}

impl Engine {
    /// The generation that BuildKit's keys belong to.
    pub fn generation(&self) -> u32 {
        generation(&self.version)
    }
}

impl From<&EngineInfo> for Engine {
    fn from(info: &EngineInfo) -> Self {
        Self {
            version: info.version.clone(),
            store: Some(info.store),
            compose: info.compose.clone(),
        }
    }
}

impl std::fmt::Display for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine {}", self.version)?;
        match self.store {
            Some(store) => write!(f, " ({store} store)"),
            None => Ok(()),
        }
    }
}
