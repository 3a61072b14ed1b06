//! The recording proxy.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use url::Url;

use super::attempt::{Got, Means, Progress};
use super::blobs::Blobs;
use super::client;
use super::download::{Begun, Download, Kept, Publisher, Wanted};
use super::store;
use super::store::{Identity, Store};
use super::trouble::Trouble;
use crate::log::{Log, lock};
use crate::request_body::{self, Unread};
use crate::scrub::Scrubber;
use crate::serve::{Answer, Answered, Ask, Bound, Content, Growth, Server, Whole, respond, words};
use crate::{
    Authority, Cause, Counts, Error, Exchange, Failure, Listen, Outcome, Recording, Request, Scrub,
    Upstream, headers,
};

/// Most attempts at one answer, however far each of them got.
const MOST_ATTEMPTS: u32 = 100;

/// A recording proxy that runs.
pub struct Recorder {
    server: Server,
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
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
        listen: &Listen,
        authority: Arc<Authority>,
        upstream: &Upstream,
        scrub: &Scrub,
        bodies: PathBuf,
    ) -> Result<Self, Error> {
        let inner = Arc::new(Inner {
            client: client::client(upstream)?,
            upstream: upstream.clone(),
            blobs: Blobs::new(bodies)?,
            scrub: Scrubber::new(scrub),
            log: Arc::default(),
            store: Mutex::default(),
            flights: Mutex::default(),
            active: watch::Sender::new(0),
        });
        let bound = Bound::new(listen).await?;
        let server = bound.serve(authority, inner.clone());
        Ok(Self { server, inner })
    }

    /// The port of a target.
    pub fn port(&self, target: &str) -> Option<u16> {
        self.server.port(target)
    }

    /// What to write into `HTTP_PROXY` for a target: `http://address:port`.
    pub fn proxy_url(&self, target: &str) -> Option<String> {
        self.server.proxy_url(target)
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.inner.log.requests()
    }

    /// The failures so far; a later success takes one off the list.
    pub fn failures(&self) -> Vec<Failure> {
        lock(&self.inner.store).failures()
    }

    /// The totals so far.
    pub fn counts(&self) -> Counts {
        self.inner.log.counts()
    }

    /// Gets and records, for a target, a URL that no client asked for. Gives the
    /// status; a failure is listed in [`Self::failures`], too.
    pub async fn fetch(
        &self,
        target: &str,
        method: &str,
        url: &str,
        accept: Option<&str>,
    ) -> Result<u16, Failure> {
        let parsed = Method::from_bytes(method.as_bytes())
            .ok()
            .zip(Url::parse(url).ok());
        let Some((method, url)) = parsed else {
            return Err(Failure {
                target: target.to_owned(),
                method: method.to_owned(),
                url: self.inner.scrub.text(url),
                cause: Cause::NotRecordable,
                words: "it is not a method and an address of HTTP".to_owned(),
                time: SystemTime::now(),
            });
        };
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept.and_then(|a| HeaderValue::from_str(a).ok()) {
            headers.insert(header::ACCEPT, accept);
        }
        let written = self.inner.scrub.url(&url);
        let wanted = wanted(method, url, written, &headers, Bytes::new());
        let identity = wanted.identity.clone();
        let download = self.inner.clone().join(target, wanted, false).1;
        self.inner.settled(&download).await;
        let begun = download.begun.borrow().clone();
        let failed = lock(&self.inner.store).failure(&identity);
        match (begun, failed) {
            (Some(Begun::Answer { head, .. }), None) => Ok(head.status.as_u16()),
            (_, Some(failure)) => Err(failure),
            (begun, None) => {
                let trouble = match begun {
                    Some(Begun::Failed(trouble)) => trouble,
                    _ => Trouble::new(Cause::NotWhole, "it was given up"),
                };
                Err(failure(target, &identity, &trouble))
            }
        }
    }

    /// Stops listening, finishes the downloads under way, and gives what was
    /// recorded.
    pub async fn stop(self) -> Result<Recorded, Error> {
        let Self { server, inner } = self;
        drop(server);
        let mut active = inner.active.subscribe();
        let all = active.wait_for(|count| *count == 0);
        if tokio::time::timeout(inner.upstream.finish, all)
            .await
            .is_err()
        {
            inner.give_up();
        }
        let (recording, failures) = {
            let store = lock(&inner.store);
            (store.recording(), store.failures())
        };
        Ok(Recorded {
            recording,
            failures,
            requests: inner.log.requests(),
            counts: inner.log.counts(),
        })
    }
}

/// Tells one request from another within a run, credentials and all.
type Key = [u8; 32];

/// Downloads under way, and those that are done.
#[derive(Default)]
struct Flights {
    under_way: HashMap<Key, (Arc<Download>, Identity)>,
    kept: HashMap<Key, Arc<Kept>>,
    /// Makes the keys of what must not be shared.
    number: u64,
}

struct Inner {
    client: reqwest::Client,
    upstream: Upstream,
    blobs: Blobs,
    scrub: Scrubber,
    log: Arc<Log>,
    store: Mutex<Store>,
    flights: Mutex<Flights>,
    /// How many downloads are under way.
    active: watch::Sender<usize>,
}

/// Counts one download as under way.
struct Active(Arc<Inner>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.active.send_modify(|count| *count -= 1);
    }
}

enum Joined {
    Kept(Arc<Kept>),
    Flying,
}

impl Inner {
    /// Joins the same download under way, or starts one. With `any`, what was
    /// recorded before serves as well.
    fn join(self: Arc<Self>, target: &str, wanted: Wanted, any: bool) -> (Joined, Arc<Download>) {
        let mut flights = lock(&self.flights);
        let shared = wanted.repeatable && wanted.body.is_empty();
        let key = key(
            &wanted,
            (!shared).then(|| {
                flights.number += 1;
                flights.number
            }),
        );
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
            client: &self.client,
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
        lock(&self.store).add(exchange);
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
    fn give_up(&self) {
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
    async fn settled(&self, download: &Arc<Download>) {
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

    async fn pass_on(&self, joined: Joined, download: &Download, ask: &Asked) -> Answered {
        let begun = match joined {
            Joined::Kept(kept) => match self.from_kept(&kept) {
                Ok(whole) => return passed(respond(whole, &ask.method, &ask.headers), true),
                Err(error) => Begun::Failed(Trouble::disk(&error)),
            },
            Joined::Flying => {
                let mut begun = download.begun.clone();
                match begun.wait_for(Option::is_some).await {
                    Ok(begun) => begun.clone().unwrap_or_else(given_up),
                    Err(_) => given_up(),
                }
            }
        };
        match begun {
            Begun::Failed(trouble) => {
                let status = match trouble.cause {
                    Cause::Disk => StatusCode::INSUFFICIENT_STORAGE,
                    _ => StatusCode::BAD_GATEWAY,
                };
                let text = format!("{} {}: {}", ask.method, ask.written, trouble.words);
                words(status, &text, Outcome::Failed)
            }
            Begun::Answer { head, file, good } => {
                let mut growth = download.growth.clone();
                let mut size = head.length;
                if size.is_none() && ask.headers.contains_key(header::RANGE) {
                    // A range of something of unknown length must wait for its end.
                    let _ = growth.wait_for(|g| g.end.is_some()).await;
                }
                let now: Growth = *growth.borrow();
                if now.end == Some(true) && ask.method != Method::HEAD {
                    size = Some(now.written);
                }
                let content = match file {
                    None => Content::Empty,
                    Some(file) => Content::Growing {
                        file,
                        growth,
                        start: 0,
                        length: size,
                    },
                };
                let whole = Whole {
                    status: head.status,
                    headers: head.headers.clone(),
                    size,
                    content,
                };
                passed(respond(whole, &ask.method, &ask.headers), good)
            }
        }
    }

    fn from_kept(&self, kept: &Kept) -> std::io::Result<Whole> {
        let size = kept.body.as_ref().map_or(0, |b| b.size);
        let content = match &kept.body {
            None => Content::Empty,
            Some(body) => Content::File {
                file: Arc::new(self.blobs.open(&body.digest)?),
                start: 0,
                length: body.size,
            },
        };
        Ok(Whole {
            status: kept.head.status,
            headers: kept.head.headers.clone(),
            size: Some(size),
            content,
        })
    }
}

struct Asked {
    method: Method,
    headers: HeaderMap,
    written: String,
}

impl Answer for Inner {
    async fn answer(self: Arc<Self>, ask: Ask) -> Answered {
        let body = match request_body::read(ask.body).await {
            Ok(body) => body,
            Err(Unread::TooLarge) => {
                let text = format!(
                    "{} {}: more than {} bytes are sent, which is not recorded",
                    ask.method,
                    ask.written,
                    request_body::LARGEST
                );
                return words(StatusCode::PAYLOAD_TOO_LARGE, &text, Outcome::Refused);
            }
            Err(Unread::Cut) => {
                return words(
                    StatusCode::BAD_REQUEST,
                    "the body was cut",
                    Outcome::Refused,
                );
            }
        };
        let counter = &self.log.from_clients;
        counter.fetch_add(body.len() as u64, std::sync::atomic::Ordering::Relaxed);
        let asked = Asked {
            method: ask.method.clone(),
            headers: ask.headers,
            written: ask.written.clone(),
        };
        let wanted = wanted(ask.method, ask.url, ask.written, &asked.headers, body);
        // Parts of one answer come from one and the same answer.
        let any = asked.headers.contains_key(header::RANGE);
        let (joined, download) = self.clone().join(&ask.target, wanted, any);
        self.pass_on(joined, &download, &asked).await
    }

    fn not_http(&self, target: &str, place: &str, why: &str) {
        let identity = Identity {
            url: place.to_owned(),
            method: "CONNECT".to_owned(),
            request_body: None,
        };
        let trouble = Trouble::new(Cause::NotRecordable, why);
        let failure = failure(target, &identity, &trouble);
        lock(&self.store).fail(identity, failure);
    }

    fn log(&self) -> &Arc<Log> {
        &self.log
    }

    fn scrubber(&self) -> &Scrubber {
        &self.scrub
    }
}

fn given_up() -> Begun {
    Begun::Failed(Trouble::new(Cause::NotWhole, "it was given up"))
}

fn passed((response, content): (http::Response<()>, Content), good: bool) -> Answered {
    Answered {
        response,
        content,
        outcome: if good {
            Outcome::Recorded
        } else {
            Outcome::Failed
        },
    }
}

fn failure(target: &str, identity: &Identity, trouble: &Trouble) -> Failure {
    Failure {
        target: target.to_owned(),
        method: identity.method.clone(),
        url: identity.url.clone(),
        cause: trouble.cause,
        words: trouble.words.clone(),
        time: SystemTime::now(),
    }
}

fn wanted(method: Method, url: Url, written: String, asked: &HeaderMap, body: Bytes) -> Wanted {
    let identity = Identity {
        url: written,
        method: method.as_str().to_owned(),
        request_body: request_body::digest(&url, asked, &body),
    };
    let repeatable = matches!(method, Method::GET | Method::HEAD | Method::OPTIONS)
        || request_body::is_upload_pack(&url);
    Wanted {
        headers: client::whole(asked),
        method,
        url,
        body,
        identity,
        repeatable,
    }
}

fn key(wanted: &Wanted, unshared: Option<u64>) -> Key {
    let mut all: Vec<Vec<u8>> = wanted
        .headers
        .iter()
        .map(|(n, v)| [n.as_str().as_bytes(), b":", v.as_bytes()].concat())
        .collect();
    all.sort();
    all.push(wanted.method.as_str().as_bytes().to_vec());
    all.push(wanted.url.as_str().as_bytes().to_vec());
    if let Some(number) = unshared {
        all.push(number.to_le_bytes().to_vec());
    }
    let mut hasher = Sha256::new();
    for part in all {
        hasher.update(part.len().to_le_bytes());
        hasher.update(&part);
    }
    hasher.finalize().into()
}
