//! The recording proxy.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use url::Url;

use super::blobs::Blobs;
use super::client::Clients;
use super::download::{Begun, Download, Kept, Wanted};
use super::session::{Joined, Session, failure};
use super::store::Identity;
use super::trouble::Trouble;
use crate::log::{Log, lock};
use crate::request_body::{self, Unread};
use crate::scrub::Scrubber;
use crate::serve::{Answer, Answered, Ask, Bound, Content, Growth, Server, Whole, respond, words};
use crate::{
    Authority, Cause, Counts, Error, Failure, Listen, Outcome, Recording, Request, Scrub, Upstream,
};

/// A recording proxy that runs.
pub struct Recorder {
    server: Server,
    inner: Arc<Session>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// What a recording came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
        let inner = Arc::new(Session {
            clients: Clients::new(upstream)?,
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
        let from = self.inner.clients.of(target, url.host_str());
        let wanted = Wanted::new(from, method, url, written, &headers, Bytes::new());
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

struct Asked {
    method: Method,
    headers: HeaderMap,
    written: String,
}

impl Session {
    async fn pass_on(&self, joined: Joined, download: &Download, ask: &Asked) -> Answered {
        let begun = match joined {
            Joined::Kept(kept) => match self.kept_whole(&kept) {
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

    fn kept_whole(&self, kept: &Kept) -> std::io::Result<Whole> {
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

impl Answer for Session {
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
        let from = self.clients.of(&ask.target, ask.url.host_str());
        let (method, url) = (ask.method, ask.url);
        let wanted = Wanted::new(from, method, url, ask.written, &asked.headers, body);
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
            at: Vec::new(),
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
