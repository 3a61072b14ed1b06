//! Replay.
use std::path::PathBuf;
use std::sync::Arc;

use crate::log::Log;
use crate::{Authority, Counts, Error, Listen, Miss, Recording, Request, Scrub};

/// A replaying proxy that runs. It never opens a connection.
#[derive(Debug)]
pub struct Replay {
    log: Arc<Log>,
}

impl Replay {
    /// Starts to listen; `bodies` is the folder with the blobs. Where several
    /// recordings answer a request equally well, the last one does. `scrub` holds
    /// this side's secrets, so that URLs which carry one are found.
    /// Must be called within a tokio runtime.
    pub async fn start(
        _listen: &Listen,
        _authority: Arc<Authority>,
        _recordings: Vec<Recording>,
        _scrub: &Scrub,
        _bodies: PathBuf,
    ) -> Result<Self, Error> {
        std::future::pending().await
    }

    /// The port of a target.
    pub fn port(&self, _target: &str) -> Option<u16> {
        None
    }

    /// What to write into `HTTP_PROXY` for a target: `http://address:port`.
    pub fn proxy_url(&self, _target: &str) -> Option<String> {
        None
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.log.requests()
    }

    /// What was asked for and is not recorded, so far; the oldest first.
    pub fn misses(&self) -> Vec<Miss> {
        self.log.misses()
    }

    /// The totals so far.
    pub fn counts(&self) -> Counts {
        self.log.counts()
    }

    /// Waits for a miss after the first `seen` ones.
    pub async fn missed(&self, _seen: usize) {
        std::future::pending().await
    }

    /// Stops listening and cuts all connections.
    pub async fn stop(self) {}
}
