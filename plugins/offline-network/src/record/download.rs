//! One answer on its way from a server to the disk, and to all who wait for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName};
use http::{Method, StatusCode};
use reqwest::Client;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use url::Url;

use super::client;
use super::store::Identity;
use super::trouble::Trouble;
use crate::serve::Growth;
use crate::{Body, headers, request_body};

/// The header by which a git client asks for a protocol version.
const GIT_PROTOCOL: HeaderName = HeaderName::from_static("git-protocol");

/// Tells one request from another within a run, credentials and all.
pub(crate) type Key = [u8; 32];

/// What to ask a server for.
pub(crate) struct Wanted {
    /// What asks for it.
    pub(crate) client: Client,
    pub(crate) method: Method,
    /// With user and password, if the client wrote them.
    pub(crate) url: Url,
    /// End-to-end, without conditions.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) identity: Identity,
    /// Whether asking twice does no harm.
    pub(crate) repeatable: bool,
}

impl Wanted {
    /// What to ask for so that the whole answer comes, `from` which client and
    /// addresses; `written` is the URL as it is written down.
    pub(crate) fn new(
        (client, at): (Client, Vec<IpAddr>),
        method: Method,
        url: Url,
        written: String,
        asked: &HeaderMap,
        body: Bytes,
    ) -> Self {
        let identity = Identity {
            url: written,
            method: method.as_str().to_owned(),
            request_body: request_body::digest(&url, asked, &body),
            at,
        };
        let repeatable = matches!(method, Method::GET | Method::HEAD | Method::OPTIONS)
            || request_body::is_upload_pack(&url);
        Self {
            client,
            headers: client::whole(asked),
            method,
            url,
            body,
            identity,
            repeatable,
        }
    }

    /// Requests with the same key get the same answer; `unshared` makes one that is
    /// like no other.
    pub(crate) fn key(&self, unshared: Option<u64>) -> Key {
        let mut all: Vec<Vec<u8>> = self
            .headers
            .iter()
            .map(|(n, v)| [n.as_str().as_bytes(), b":", v.as_bytes()].concat())
            .collect();
        all.sort();
        all.push(self.method.as_str().as_bytes().to_vec());
        all.push(self.url.as_str().as_bytes().to_vec());
        all.push(format!("{:?}", self.identity.at).into_bytes());
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

    /// The request headers that this answer may vary by.
    pub(crate) fn varies(&self, answer: &HeaderMap) -> BTreeMap<String, String> {
        let mut varies = BTreeMap::new();
        let mut note = |name: &HeaderName| {
            if let Some(value) = headers::text(&self.headers, name) {
                varies.insert(name.as_str().to_owned(), value);
            }
        };
        if headers::text(&self.headers, &header::ACCEPT).is_some_and(|a| a.trim() != "*/*") {
            note(&header::ACCEPT);
        }
        if answer.contains_key(header::CONTENT_ENCODING) {
            note(&header::ACCEPT_ENCODING);
        }
        note(&GIT_PROTOCOL);
        varies
    }
}

/// The beginning of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    /// End-to-end, without `Content-Length`.
    pub(crate) headers: HeaderMap,
    /// What `Content-Length` said.
    pub(crate) length: Option<u64>,
}

/// What can be passed on.
#[derive(Debug, Clone)]
pub(crate) enum Begun {
    Answer {
        head: Arc<Head>,
        /// Where the body grows; none if there is no body.
        file: Option<Arc<File>>,
        /// Whether the answer is one that is recorded.
        good: bool,
    },
    Failed(Trouble),
}

/// What those who wait see of a download.
pub(crate) struct Download {
    pub(crate) begun: watch::Receiver<Option<Begun>>,
    pub(crate) growth: watch::Receiver<Growth>,
    pub(crate) targets: Mutex<BTreeSet<String>>,
}

/// The other end of it.
pub(crate) struct Publisher {
    begun: watch::Sender<Option<Begun>>,
    growth: watch::Sender<Growth>,
}

impl Download {
    pub(crate) fn new(target: &str) -> (Arc<Self>, Publisher) {
        let (publisher, begun, growth) = Publisher::new();
        let download = Self {
            begun,
            growth,
            targets: Mutex::new(BTreeSet::from([target.to_owned()])),
        };
        (Arc::new(download), publisher)
    }
}

impl Publisher {
    pub(crate) fn new() -> (
        Self,
        watch::Receiver<Option<Begun>>,
        watch::Receiver<Growth>,
    ) {
        let (begun, begins) = watch::channel(None);
        let (growth, grows) = watch::channel(Growth::default());
        (Self { begun, growth }, begins, grows)
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.begun.borrow().is_some()
    }

    pub(crate) fn begin(&self, begun: Begun) {
        self.begun.send_replace(Some(begun));
    }

    pub(crate) fn grown(&self, written: u64) {
        self.growth.send_modify(|g| g.written = written);
    }

    pub(crate) fn end(&self, whole: bool) {
        self.growth.send_modify(|g| g.end = Some(whole));
    }
}

/// An answer that was recorded in this run.
pub(crate) struct Kept {
    pub(crate) head: Arc<Head>,
    pub(crate) body: Option<Body>,
    pub(crate) identity: Identity,
}

impl Kept {
    /// What to ask the server with whether it is still the same.
    pub(crate) fn condition(&self) -> Option<(HeaderName, &header::HeaderValue)> {
        let headers = &self.head.headers;
        let tag = headers.get(header::ETAG);
        let date = headers.get(header::LAST_MODIFIED);
        tag.map(|tag| (header::IF_NONE_MATCH, tag))
            .or_else(|| date.map(|date| (header::IF_MODIFIED_SINCE, date)))
    }
}
