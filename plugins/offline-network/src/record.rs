//! Recording.
use std::path::PathBuf;
use std::sync::Arc;

use crate::log::Log;
use crate::{Authority, Counts, Error, Failure, Listen, Miss, Recording, Request, Scrub, Upstream};

/// A recording proxy that runs.
#[derive(Debug)]
pub struct Recorder {
    log: Arc<Log>,
}

/// What a recording came to.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The index; every body that it names is in the folder of bodies.
    pub recording: Recording,
    /// What was never got whole and well, by URL.
    pub failures: Vec<Failure>,
    /// Every request as it came in.
    pub requests: Vec<Request>,
    /// Totals.
    pub counts: Counts,
}

impl Recorder {
    /// Starts to listen; `bodies` is the folder in which bodies are written by
    /// their digests (`blobs/sha256` of a layout); it is made if it is not there.
    /// Must be called within a tokio runtime.
    pub async fn start(
        _listen: &Listen,
        _authority: Arc<Authority>,
        _upstream: &Upstream,
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

    /// The failures so far; a later success takes one off the list.
    pub fn failures(&self) -> Vec<Failure> {
        Vec::new()
    }

    /// The totals so far.
    pub fn counts(&self) -> Counts {
        self.log.counts()
    }

    /// Gets and records a URL that no client asked for.
    pub async fn fetch(
        &self,
        _target: &str,
        _method: &str,
        _url: &str,
        _accept: Option<&str>,
    ) -> Result<u16, Failure> {
        std::future::pending().await
    }

    /// Stops listening, finishes the downloads under way, and gives what was recorded.
    pub async fn stop(self) -> Result<Recorded, Error> {
        std::future::pending().await
    }
}
