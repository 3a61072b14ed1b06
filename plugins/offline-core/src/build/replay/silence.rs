//! Builds whose steps ask the proxy for nothing, although they run.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use super::{Error, Replayer};
use crate::engine::Unreached;
use crate::error::{Failure, Kind};
use crate::stages::Dockerfiles;

/// How long a rewritten step may run without a request before it is looked at.
const SILENCE: Duration = Duration::from_secs(6);

const TICK: Duration = Duration::from_millis(250);

/// What became of a build while it was listened to.
pub(super) enum Heard {
    /// It went to its end, or was stopped for another reason.
    All,
    /// The proxy has moved, and the build has to begin again.
    Moved,
    /// Nothing can serve it.
    Failed(Failure),
}

impl Replayer<'_> {
    /// Runs a build, and ends it where its steps cannot reach the proxy: they would wait
    /// for minutes. A step may well work for long before it asks for anything, so that a
    /// container of ours is asked before anything is ended. `moves` says how often the
    /// proxy had moved when the build was made.
    pub(super) fn heard<T>(
        &self,
        dockerfiles: &Dockerfiles,
        services: &BTreeSet<String>,
        (moves, stop): (usize, &AtomicBool),
        build: impl FnOnce(&AtomicBool) -> T,
    ) -> (T, Heard) {
        if !self.through().keys().any(|name| services.contains(name)) {
            return (build(stop), Heard::All);
        }
        let (own, ended) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let watching = scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    std::thread::sleep(TICK);
                    if stop.load(Ordering::Relaxed) {
                        own.store(true, Ordering::Relaxed);
                        continue;
                    }
                    let heard = self.listens(dockerfiles, services, moves);
                    if !matches!(heard, Heard::All) {
                        own.store(true, Ordering::Relaxed);
                        return heard;
                    }
                }
                Heard::All
            });
            let result = build(&own);
            ended.store(true, Ordering::Relaxed);
            let heard = watching.join().unwrap_or(Heard::All);
            if matches!(heard, Heard::Failed(_)) {
                stop.store(true, Ordering::Relaxed);
            }
            (result, heard)
        })
    }

    fn listens(
        &self,
        dockerfiles: &Dockerfiles,
        services: &BTreeSet<String>,
        moves: usize,
    ) -> Heard {
        if self.moves() != moves {
            return Heard::Moved;
        }
        if !self.is_silent(services) {
            return Heard::All;
        }
        match self.moves_where_unreached(dockerfiles) {
            Ok(true) => Heard::Moved,
            Ok(false) => Heard::All,
            Err(failure) => Heard::Failed(failure),
        }
    }

    /// Has the proxy go on in a container, where containers do not reach it and it was
    /// asked for nothing so far.
    pub(super) fn moves_where_unreached(&self, dockerfiles: &Dockerfiles) -> Result<bool, Failure> {
        let Some(unreached) = self.unreached() else {
            return Ok(false);
        };
        match self.moves_into_container(dockerfiles, &unreached.to_string()) {
            Ok(true) => Ok(true),
            Err(failure) if matches!(failure.kind(), Kind::Interrupted | Kind::DiskFull) => {
                Err(failure)
            }
            Ok(false) | Err(_) => Err(Error::Unreached(unreached).into()),
        }
    }

    /// Whether a rewritten step of these services has run for a while.
    fn is_silent(&self, services: &BTreeSet<String>) -> bool {
        let state = self.state();
        let now = SystemTime::now();
        let mut running = state
            .ran
            .values()
            .filter(|r| r.completed.is_none() && services.contains(&r.place.service));
        running.any(|r| now.duration_since(r.started).unwrap_or_default() > SILENCE)
    }

    /// Why containers do not reach a proxy that was asked for nothing so far.
    pub(super) fn unreached(&self) -> Option<Unreached> {
        let address = self.silent_proxy()?;
        let tried = self.docker.tries_to_reach(&self.engine.platform, address);
        tried.err()
    }
}
