//! Where the recording and the replaying proxy run.
//!
//! ```text
//! RUN steps -> the bridge's gateway -> this process                 (beside the engine)
//! RUN steps -> the bridge -> a container of the running program     (where that cannot be)
//!                              |  questions and answers: its stdin and stdout
//!                              |  bodies: docker cp, as streams
//!                            this process
//! ```
//!
//! The container is made of the running program, as that of `--stay`. It publishes no
//! port, mounts nothing, and has all it needs to know from its standard input: when that
//! ends, however this process ended, the program ends, and the engine removes it.

mod bodies;
mod contained;
mod error;
mod recorder;
mod replayer;
mod serve;
mod wire;

use crate::engine::{Docker, EngineInfo, ProxyPlace};
use crate::event::{Event, Reporter};

pub use error::Error;
pub(crate) use recorder::{RecordSettings, RecordingProxy, Unstarted};
pub(crate) use replayer::{ReplaySettings, ReplayingProxy};
pub use serve::{PROXY, serve};

/// The engine whose builds a proxy is for.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) docker: &'a Docker,
    pub(crate) engine: &'a EngineInfo,
    pub(crate) place: &'a ProxyPlace,
    pub(crate) reporter: &'a dyn Reporter,
}

impl Around<'_> {
    /// Says that a container is used, and why.
    fn says(&self, what: &str, why: &str) {
        self.reporter.event(Event::Note(format!(
            "{what} in a container of the engine, as {why}."
        )));
    }
}
