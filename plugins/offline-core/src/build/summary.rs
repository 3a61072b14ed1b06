use std::path::PathBuf;
use std::time::Duration;

use super::stay::Staying;
use super::{Asked, PlainMiss};
use crate::carried::Restored;
use crate::closure::Unbundled;

/// What a build did.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Summary {
    /// The project.
    pub project: String,
    /// The bundle folder.
    pub bundle: PathBuf,
    /// How many images were loaded; those the engine had are not counted.
    pub loaded: usize,
    /// Bytes written to the engine.
    pub loaded_bytes: u64,
    /// Whether it stopped after loading.
    pub setup_only: bool,
    /// What became of each service, by name.
    pub services: Vec<ServiceResult>,
    /// What was put into its place besides images.
    pub carried: Vec<Restored>,
    /// What builds, and why.
    pub builder: String,
    /// What plain `docker compose up --build` would run again here, after a build
    /// by the classic builder, or one that replayed the recorded network.
    pub plain_compose_misses: Vec<PlainMiss>,
    /// What was answered from the bundle's recording; `None` where no build asked.
    pub network: Option<Replayed>,
    /// What was left running for plain Compose.
    pub stay: Option<Staying>,
    /// What its services ask a network for when they start, and what of it is no image.
    pub at_start: Vec<Unbundled>,
    /// Services that Compose builds from a copy of their Dockerfile, as they fetch by ADD
    /// what the bundle holds.
    pub from_copies: Vec<String>,
    /// The generated Compose file, where one is needed.
    pub override_file: Option<PathBuf>,
    /// The command to type next.
    pub next: String,
    /// How long it took, in seconds.
    #[serde(serialize_with = "seconds")]
    pub elapsed: Duration,
}

/// What the proxy answered from the bundle's recording.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Replayed {
    /// Requests that were answered.
    pub requests: u64,
    /// Bytes of the answers.
    pub bytes: u64,
    /// What was asked for and is not recorded.
    pub not_recorded: Vec<Asked>,
}

/// What became of one service.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct ServiceResult {
    /// Its name.
    pub service: String,
    /// Steps taken from the cache.
    pub cached: usize,
    /// Steps that ran.
    pub ran: usize,
    /// Of those that ran, the ones that had the recorded network.
    pub replayed: usize,
    /// Seconds that its steps took.
    pub seconds: f64,
    /// The image, with all its tags.
    pub images: Vec<String>,
    /// `classic`, `buildkit`, or `carried` for an image that was loaded and not
    /// rebuilt; `None` where there was no choice.
    pub builder: Option<String>,
    /// Why it was not built; `None` if it was.
    pub refused: Option<String>,
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}
