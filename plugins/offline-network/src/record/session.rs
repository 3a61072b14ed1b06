//! The downloads of a recording: shared, repeated, and written down.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use http::{Method, StatusCode, header};
use tokio::sync::watch;

use super::attempt::{Got, Means, Progress};
use super::blobs::Blobs;
use super::client::Clients;
use super::download::{Begun, Download, Kept, Key, Publisher, Wanted};
use super::store::{self, Identity, Store};
use super::trouble::Trouble;
use crate::log::{Log, lock};
use crate::scrub::Scrubber;
use crate::{Cause, Exchange, Failure, Upstream, headers};

/// Most attempts at one answer, however far each of them got.
const MOST_ATTEMPTS: u32 = 100;

/// Downloads under way, and those that are done.
#[derive(Default)]
pub(crate) struct Flights {
    under_way: HashMap<Key, (Arc<Download>, Identity)>,
    kept: HashMap<Key, Arc<Kept>>,
    /// Makes the keys of what must not be shared.
    number: u64,
}

/// What all requests of a recording share.
pub(crate) struct Session {
    pub(crate) clients: Clients,
    pub(crate) upstream: Upstream,
    pub(crate) blobs: Blobs,
    pub(crate) scrub: Scrubber,
    pub(crate) log: Arc<Log>,
    pub(crate) store: Mutex<Store>,
    pub(crate) flights: Mutex<Flights>,
    /// How many downloads are under way.
    pub(crate) active: watch::Sender<usize>,
}

/// Counts one download as under way.
struct Active(Arc<Session>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.active.send_modify(|count| *count -= 1);
    }
}

/// How a request came to its download.
pub(crate) enum Joined {
    /// It needs none: the answer was recorded before.
    Kept(Arc<Kept>),
    Flying,
}

impl Session {
    /// Joins the same download under way, or starts one. With `any`, what was
    /// recorded before serves as well.
    pub(crate) fn join(
        self: Arc<Self>,
        target: &str,
        wanted: Wanted,
        any: bool,
    ) -> (Joined, Arc<Download>) {
        let mut flights = lock(&self.flights);
        let shared = wanted.repeatable && wanted.body.is_empty();
        let key = wanted.key((!shared).then(|| {
            flights.number += 1;
            flights.number
        }));
        if let Some((download, _)) = flights.under_way.get(&key) {
            lock(&download.targets).insert(target.to_owned());
            return (Joined::Flying, download.clone());
        }
        let known = flights.kept.get(&key).cloned();
        if any && let Some(kept) = &known {
            let digest = kept.body.as_ref().map(|b| &b.digest);
            lock(&self.store).add_target(&kept.identity, digest, target);
            return (Joined::Kept(kept.clone()), Download::new(target).0);
        }
        let (download, publisher) = Download::new(target);
        let identity = wanted.identity.clone();
        flights.under_way.insert(key, (download.clone(), identity));
        drop(flights);
        self.active.send_modify(|count| *count += 1);
        let active = Active(self.clone());
        let flying = download.clone();
        tokio::spawn(async move {
            self.run(wanted, known, &flying, publisher, key).await;
            drop(active);
        });
        (Joined::Flying, download)
    }

    /// Attempts until the answer is whole and good, or no attempt is left.
    async fn run(
        &self,
        wanted: Wanted,
        known: Option<Arc<Kept>>,
        download: &Download,
        mut publisher: Publisher,
        key: Key,
    ) {
        let means = Means {
            blobs: &self.blobs,
            scrub: &self.scrub,
            log: &self.log,
            stall: self.upstream.stall,
        };
        let mut progress = Progress::default();
        let mut failed = 0;
        let mut wait = self.upstream.first_wait;
        for _ in 0..MOST_ATTEMPTS {
            let before = progress.partial.as_ref().map_or(0, |p| p.written);
            let last = failed + 1 >= self.upstream.attempts;
            let attempt = means.attempt(&wanted, known.as_deref(), &mut progress, &publisher, last);
            let trouble = match attempt.await {
                Ok(Got::Whole) => {
                    publisher.end(true);
                    return self.keep(&wanted, progress, download, key).await;
                }
                Ok(Got::Unchanged) => {
                    return self.unchanged(known, download, &publisher, key);
                }
                Ok(Got::Bad(trouble)) => {
                    publisher.end(true);
                    return self.failed(&wanted, &trouble, download, key);
                }
                Ok(Got::Changed) => {
                    // Those who have bytes of the other answer are cut off, and
                    // ask again; the recording goes on for itself.
                    publisher.end(false);
                    publisher = Publisher::new().0;
                    progress = Progress::default();
                    let words = "the server answered otherwise than before it was cut";
                    Trouble::new(Cause::NotWhole, words)
                }
                Err(trouble) => trouble,
            };
            let after = progress.partial.as_ref().map_or(0, |p| p.written);
            failed = if after > before { 1 } else { failed + 1 };
            let harmless = wanted.repeatable
                || matches!(trouble.cause, Cause::Unreachable | Cause::Status(429 | 503));
            if !trouble.passing || !harmless || failed >= self.upstream.attempts {
                if publisher.has_begun() {
                    publisher.end(false);
                } else {
                    publisher.begin(Begun::Failed(trouble.clone()));
                    publisher.end(false);
                }
                return self.failed(&wanted, &trouble, download, key);
            }
            let asked = trouble.after.unwrap_or_default();
            tokio::time::sleep(asked.min(self.upstream.longest_wait).max(wait)).await;
            wait = (wait * 2).min(self.upstream.longest_wait);
        }
        publisher.end(false);
        let trouble = Trouble::new(Cause::NotWhole, "it was cut too often");
        self.failed(&wanted, &trouble, download, key);
    }

    /// Writes a whole answer down.
    async fn keep(&self, wanted: &Wanted, progress: Progress, download: &Download, key: Key) {
        let (Some(head), Some(partial)) = (progress.head, progress.partial) else {
            return;
        };
        if partial.secret {
            let words = "the body holds a secret of the build and is not written down";
            let trouble = Trouble::new(Cause::Secret, words);
            return self.failed(wanted, &trouble, download, key);
        }
        let blobs = self.blobs.clone();
        let json = headers::text(&head.headers, &header::CONTENT_TYPE)
            .is_some_and(|t| t.contains("json"))
            && !head.headers.contains_key(header::CONTENT_ENCODING);
        let kept = tokio::task::spawn_blocking(move || store::write(partial, json, &blobs)).await;
        let body = match kept {
            Ok(Ok(body)) => body,
            Ok(Err(error)) => {
                return self.failed(wanted, &Trouble::disk(&error), download, key);
            }
            Err(error) => {
                let error = std::io::Error::other(error);
                return self.failed(wanted, &Trouble::disk(&error), download, key);
            }
        };
        let mut kept_headers = headers::kept(&head.headers, &self.scrub, &wanted.url);
        if wanted.method == Method::HEAD
            && let Some(length) = head.length
        {
            kept_headers.push(("content-length".to_owned(), length.to_string()));
        }
        let mut flights = lock(&self.flights);
        flights.under_way.remove(&key);
        let exchange = Exchange {
            method: wanted.identity.method.clone(),
            url: wanted.identity.url.clone(),
            varies: self.clean(wanted.varies(&head.headers)),
            request_body: wanted.identity.request_body.clone(),
            status: head.status.as_u16(),
            headers: kept_headers,
            body: body.body.clone(),
            targets: lock(&download.targets).clone(),
        };
        lock(&self.store).add(wanted.identity.clone(), exchange);
        if wanted.method == Method::GET && head.status == StatusCode::OK && !body.changed {
            let identity = wanted.identity.clone();
            let kept = Kept {
                head,
                body: body.body,
                identity,
            };
            flights.kept.insert(key, Arc::new(kept));
        }
    }

    fn clean(&self, varies: BTreeMap<String, String>) -> BTreeMap<String, String> {
        let clean = varies.into_iter().map(|(n, v)| (n, self.scrub.text(&v)));
        clean.collect()
    }

    fn unchanged(
        &self,
        known: Option<Arc<Kept>>,
        download: &Download,
        publisher: &Publisher,
        key: Key,
    ) {
        let Some(kept) = known else { return };
        let mut flights = lock(&self.flights);
        flights.under_way.remove(&key);
        let digest = kept.body.as_ref().map(|b| &b.digest);
        for target in lock(&download.targets).iter() {
            lock(&self.store).add_target(&kept.identity, digest, target);
        }
        drop(flights);
        let file = match &kept.body {
            None => None,
            Some(body) => match self.blobs.open(&body.digest) {
                Ok(file) => Some(Arc::new(file)),
                Err(error) => {
                    publisher.begin(Begun::Failed(Trouble::disk(&error)));
                    return publisher.end(false);
                }
            },
        };
        publisher.grown(kept.body.as_ref().map_or(0, |b| b.size));
        publisher.begin(Begun::Answer {
            head: kept.head.clone(),
            file,
            good: true,
        });
        publisher.end(true);
    }

    fn failed(&self, wanted: &Wanted, trouble: &Trouble, download: &Download, key: Key) {
        lock(&self.flights).under_way.remove(&key);
        let first = lock(&download.targets).first().cloned();
        let failure = failure(&first.unwrap_or_default(), &wanted.identity, trouble);
        lock(&self.store).fail(wanted.identity.clone(), failure);
    }

    /// Lists what is still under way as failed.
    pub(crate) fn give_up(&self) {
        let flights = lock(&self.flights);
        for (download, identity) in flights.under_way.values() {
            let words = format!(
                "it was still under way {:?} after the end",
                self.upstream.finish
            );
            let trouble = Trouble::new(Cause::NotWhole, words);
            let first = lock(&download.targets).first().cloned();
            let failure = failure(&first.unwrap_or_default(), identity, &trouble);
            lock(&self.store).fail(identity.clone(), failure);
        }
    }

    /// Waits until a download has ended and was written down.
    pub(crate) async fn settled(&self, download: &Arc<Download>) {
        let mut active = self.active.subscribe();
        let gone = |_: &usize| {
            let flights = lock(&self.flights);
            !flights
                .under_way
                .values()
                .any(|(other, _)| Arc::ptr_eq(other, download))
        };
        let _ = active.wait_for(gone).await;
    }
}

/// A failure to list.
pub(crate) fn failure(target: &str, identity: &Identity, trouble: &Trouble) -> Failure {
    Failure {
        target: target.to_owned(),
        method: identity.method.clone(),
        url: identity.url.clone(),
        cause: trouble.cause,
        words: trouble.words.clone(),
        time: SystemTime::now(),
    }
}
