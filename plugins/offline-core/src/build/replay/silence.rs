//! Builds whose steps ask the proxy for nothing, although they run.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use super::{Error, Replayer};

/// How long a rewritten step may run without a request before it is looked at.
const SILENCE: Duration = Duration::from_secs(6);

const TICK: Duration = Duration::from_millis(250);

impl Replayer<'_> {
    /// Runs a build, and ends it by `stop` where its steps cannot reach the proxy: they
    /// would wait for minutes. A step may well work for long before it asks for
    /// anything, so that a container of ours is asked before anything is ended.
    pub(super) fn heard<T>(
        &self,
        services: &BTreeSet<String>,
        stop: &AtomicBool,
        build: impl FnOnce() -> T,
    ) -> (T, Option<Error>) {
        if self.through().is_empty() {
            return (build(), None);
        }
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let watching = scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    std::thread::sleep(TICK);
                    if self.is_silent(services) {
                        let unreached = self.unreached();
                        if unreached.is_some() {
                            stop.store(true, Ordering::Relaxed);
                        }
                        return unreached;
                    }
                }
                None
            });
            let result = build();
            ended.store(true, Ordering::Relaxed);
            (result, watching.join().unwrap_or_default())
        })
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

    /// Whether containers do not reach a proxy that was asked for nothing so far.
    pub(super) fn unreached(&self) -> Option<Error> {
        let address = self.silent_proxy()?;
        let tried = self.docker.tries_to_reach(&self.engine.platform, address);
        tried.err().map(Error::Unreached)
    }
}
