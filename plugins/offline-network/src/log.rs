//! Who asked for what, when, and what became of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// Most requests that are kept one by one; further ones are only counted.
const MOST_REQUESTS: usize = 500_000;
/// Most different misses that are kept.
const MOST_MISSES: usize = 20_000;

/// One request as it came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Whose port it came in on.
    pub target: String,
    /// In capitals.
    pub method: String,
    /// As a recording writes it: no credentials. `host:port` for a CONNECT that
    /// was refused.
    pub url: String,
    /// What the client was answered; 0 while it waits, or if it went away before.
    pub status: u16,
    /// What became of it.
    pub outcome: Outcome,
    /// When it came in.
    pub started: SystemTime,
    /// When the last byte of the answer was passed on, or the client went away.
    pub ended: Option<SystemTime>,
    /// Bytes of the answer's body that were passed on.
    pub bytes: u64,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Outcome {
    /// No answer yet.
    Waiting,
    /// Answered by the server outside, or by what was recorded from it before.
    Recorded,
    /// Answered from the recording.
    Replayed,
    /// Not in the recording.
    Missed,
    /// The server outside gave no whole and good answer.
    Failed,
    /// Not a request that can be recorded or replayed.
    Refused,
}

/// Something asked for that is not in the recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Miss {
    /// Whose port it came in on.
    pub target: String,
    /// In capitals; `CONNECT` for what was not HTTP at all.
    pub method: String,
    /// As a recording writes it; `host:port` for a CONNECT.
    pub url: String,
    /// What the client said it accepts, if it said something.
    pub accept: Option<String>,
    /// Why it could not be answered, in words.
    pub why: String,
    /// Whether its address is another one each time, so that fetching it does not help.
    pub changing: bool,
    /// When it was asked for first.
    pub time: SystemTime,
    /// How often it was asked for.
    pub times: u32,
}

/// A package that was offered in those versions only that the recording holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Narrowed {
    /// Whose port its index was asked for on.
    pub target: String,
    /// As its index calls it.
    pub package: String,
    /// What is there, in the order of the index.
    pub versions: Vec<String>,
    /// The index, as a recording writes its address.
    pub url: String,
    /// What the client said it accepts, if it said something.
    pub accept: Option<String>,
    /// When it was asked for first.
    pub time: SystemTime,
}

/// A request that was answered with what was recorded under another address: they
/// differ in a part that changes each time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alike {
    /// Whose port it came in on.
    pub target: String,
    /// As a recording writes it.
    pub url: String,
    /// The address that was recorded.
    pub recorded: String,
    /// When it was asked for first.
    pub time: SystemTime,
}

/// A request that was never answered whole and well while recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Who asked first.
    pub target: String,
    /// In capitals.
    pub method: String,
    /// As a recording writes it.
    pub url: String,
    /// The kind of failure.
    pub cause: Cause,
    /// The last attempt's failure, in words.
    pub words: String,
    /// When it failed last.
    pub time: SystemTime,
}

/// Why a request was never answered whole and well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Cause {
    /// The server could not be reached: no such name, refused, timed out.
    Unreachable,
    /// The server's certificate is of an authority that is not known here.
    Distrusted,
    /// The server answered with this status, each time.
    Status(u16),
    /// The body was cut, or was not of the length announced, each time.
    NotWhole,
    /// The body holds a secret of the build, and is not written down.
    Secret,
    /// What the client sent is not HTTP, or it did not trust the proxy's authority.
    NotRecordable,
    /// The answer could not be written down on this machine.
    Disk,
}

/// Totals since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests that came in.
    pub requests: u64,
    /// Those that were not in the recording.
    pub missed: u64,
    /// Bytes of request bodies that came in.
    pub bytes_from_clients: u64,
    /// Bytes of answers' bodies that went out.
    pub bytes_to_clients: u64,
    /// Bytes of bodies that came from the servers outside.
    pub bytes_from_servers: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    requests: Mutex<Vec<Request>>,
    misses: Mutex<BTreeMap<(String, String, String), Miss>>,
    narrowed: Mutex<BTreeMap<(String, String), Narrowed>>,
    alike: Mutex<BTreeMap<(String, String), Alike>>,
    /// How many different ones there are.
    miss_count: watch::Sender<usize>,
    pub(crate) counted: AtomicU64,
    missed: AtomicU64,
    pub(crate) from_clients: AtomicU64,
    to_clients: AtomicU64,
    pub(crate) from_servers: AtomicU64,
}

/// The place of one request in the log; writes its end when dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    log: Arc<Log>,
    place: Option<usize>,
    bytes: u64,
}

/// A mutex of plain data stays usable after a panic elsewhere.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Log {
    pub(crate) fn open(self: &Arc<Self>, target: &str, method: &str, url: String) -> Ticket {
        self.counted.fetch_add(1, Ordering::Relaxed);
        let mut requests = lock(&self.requests);
        let place = (requests.len() < MOST_REQUESTS).then_some(requests.len());
        if place.is_some() {
            requests.push(Request {
                target: target.to_owned(),
                method: method.to_owned(),
                url,
                status: 0,
                outcome: Outcome::Waiting,
                started: SystemTime::now(),
                ended: None,
                bytes: 0,
            });
        }
        Ticket {
            log: self.clone(),
            place,
            bytes: 0,
        }
    }

    pub(crate) fn miss(&self, miss: Miss) {
        self.missed.fetch_add(1, Ordering::Relaxed);
        let key = (miss.target.clone(), miss.method.clone(), miss.url.clone());
        let mut misses = lock(&self.misses);
        if let Some(known) = misses.get_mut(&key) {
            known.times += 1;
        } else if misses.len() < MOST_MISSES && !follows_a_release(&misses, &miss) {
            misses.insert(key, miss);
            self.miss_count.send_replace(misses.len());
        }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        lock(&self.requests).clone()
    }

    pub(crate) fn misses(&self) -> Vec<Miss> {
        let mut misses: Vec<_> = lock(&self.misses).values().cloned().collect();
        misses.sort_by_key(|m| m.time);
        misses
    }

    pub(crate) fn narrow(&self, narrowed: Narrowed) {
        let key = (narrowed.target.clone(), narrowed.package.clone());
        let mut all = lock(&self.narrowed);
        if all.len() < MOST_MISSES {
            all.entry(key).or_insert(narrowed);
        }
    }

    pub(crate) fn narrowed(&self) -> Vec<Narrowed> {
        lock(&self.narrowed).values().cloned().collect()
    }

    pub(crate) fn alike(&self, alike: Alike) {
        let key = (alike.target.clone(), alike.url.clone());
        let mut all = lock(&self.alike);
        if all.len() < MOST_MISSES {
            all.entry(key).or_insert(alike);
        }
    }

    pub(crate) fn all_alike(&self) -> Vec<Alike> {
        let mut all: Vec<_> = lock(&self.alike).values().cloned().collect();
        all.sort_by_key(|a| a.time);
        all
    }

    pub(crate) async fn missed(&self, seen: usize) {
        let mut count = self.miss_count.subscribe();
        // Fails only if the log is gone, which holds the sender.
        let _ = count.wait_for(|count| *count > seen).await;
    }

    pub(crate) fn counts(&self) -> Counts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            requests: of(&self.counted),
            missed: of(&self.missed),
            bytes_from_clients: of(&self.from_clients),
            bytes_to_clients: of(&self.to_clients),
            bytes_from_servers: of(&self.from_servers),
        }
    }
}

/// Whether apt asks for this only because the Release file of an archive is not there:
/// as a replay tells it to overlook that, it tries every form of each list of packages.
fn follows_a_release(misses: &BTreeMap<(String, String, String), Miss>, miss: &Miss) -> bool {
    const LISTS: &[&str] = &[
        "Release",
        "Packages",
        "Translation-",
        "Sources",
        "Contents-",
    ];
    let name = miss.url.rsplit('/').next().unwrap_or_default();
    let lies_below = |release: &Miss| {
        let archive = release.url.strip_suffix("InRelease");
        release.target == miss.target && archive.is_some_and(|a| miss.url.starts_with(a))
    };
    LISTS.iter().any(|list| name.starts_with(list)) && misses.values().any(lies_below)
}

impl Ticket {
    pub(crate) fn answered(&mut self, status: u16, outcome: Outcome) {
        self.with(|request| {
            request.status = status;
            request.outcome = outcome;
        });
    }

    pub(crate) fn passed_on(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.log
            .to_clients
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn with(&self, change: impl FnOnce(&mut Request)) {
        if let Some(place) = self.place
            && let Some(request) = lock(&self.log.requests).get_mut(place)
        {
            change(request);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.with(|request| {
            request.ended = Some(SystemTime::now());
            request.bytes = self.bytes;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_that_is_not_there_is_one_miss() {
        let log = Log::default();
        let ask = |target: &str, path: &str| {
            log.miss(Miss {
                target: target.into(),
                method: "GET".into(),
                url: format!("https://h/debian/dists/{path}"),
                accept: None,
                why: String::new(),
                changing: false,
                time: SystemTime::now(),
                times: 1,
            });
        };
        for path in [
            "x/InRelease",
            "x/Release",
            "x/main/binary-all/Packages.xz",
            "y/Release",
        ] {
            ask("web", path);
        }
        ask("api", "x/Release");
        ask("web", "x/other");
        let urls: Vec<String> = log.misses().into_iter().map(|m| m.url).collect();
        let expected = ["x/InRelease", "y/Release", "x/Release", "x/other"];
        assert_eq!(
            urls,
            expected.map(|p| format!("https://h/debian/dists/{p}"))
        );
    }
}
