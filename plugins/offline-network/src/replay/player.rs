//! The replaying proxy.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use url::Url;

use super::choose::{Lacking, Question};
use super::shelf::{Shelf, offered};
use crate::log::Log;
use crate::request_body;
use crate::scrub::Scrubber;
use crate::serve::{Answer, Answered, Ask, Bound, Server, Whole, respond, words};
use crate::{
    Alike, Authority, Counts, Error, Exchange, Listen, Miss, Narrowed, Outcome, Recording, Request,
    Scrub, headers,
};

/// Marks an answer that only says that there is none.
const NOT_RECORDED: HeaderName = HeaderName::from_static("x-docker-offline");

/// A replaying proxy that runs. It never opens a connection.
pub struct Replay {
    server: Server,
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl Replay {
    /// Starts to listen; `bodies` is the folder with the blobs. Where several
    /// recordings answer a request equally well, the last one does. `scrub` holds
    /// this side's secrets, so that URLs which carry one are found.
    /// Must be called within a tokio runtime.
    pub async fn start(
        listen: &Listen,
        authority: Arc<Authority>,
        recordings: Vec<Recording>,
        scrub: &Scrub,
        bodies: PathBuf,
    ) -> Result<Self, Error> {
        let inner = Arc::new(Inner {
            shelf: Shelf::new(recordings, bodies),
            scrub: Scrubber::new(scrub),
            log: Arc::default(),
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

    /// What was asked for and is not recorded, so far; the oldest first.
    pub fn misses(&self) -> Vec<Miss> {
        self.inner.log.misses()
    }

    /// The packages that were offered in part only, so far.
    pub fn narrowed(&self) -> Vec<Narrowed> {
        self.inner.log.narrowed()
    }

    /// What was answered under another address than it was recorded, so far.
    pub fn alike(&self) -> Vec<Alike> {
        self.inner.log.all_alike()
    }

    /// Waits until there are more misses than these.
    pub async fn missed(&self, seen: usize) {
        self.inner.log.missed(seen).await;
    }

    /// The totals so far.
    pub fn counts(&self) -> Counts {
        self.inner.log.counts()
    }

    /// Stops listening and cuts all connections.
    pub async fn stop(self) {
        drop(self.server);
        tokio::task::yield_now().await;
    }
}

struct Inner {
    shelf: Shelf,
    scrub: Scrubber,
    log: Arc<Log>,
}

impl Inner {
    fn miss(&self, ask: &Told, why: &str, changing: bool) -> Answered {
        self.log.miss(Miss {
            target: ask.target.to_string(),
            method: ask.method.as_str().to_owned(),
            url: ask.written.clone(),
            accept: headers::text(&ask.headers, &header::ACCEPT),
            why: why.to_owned(),
            changing,
            time: SystemTime::now(),
            times: 1,
        });
        let mut text = format!(
            "{method} {url} is not in the bundle: {why}.\n\
             It was asked for by the build of {target}.",
            method = ask.method,
            url = ask.written,
            target = ask.target,
        );
        if !changing {
            text += " To bring it: docker offline build --wanted wanted.json here, and \
                     docker offline export --fetch wanted.json on the connected side.";
        }
        let mut missed = words(StatusCode::NOT_FOUND, &text, Outcome::Missed);
        let mark = HeaderValue::from_static("not-recorded");
        missed.response.headers_mut().insert(NOT_RECORDED, mark);
        missed
    }

    fn lacks(&self, ask: &Told, url: &Url, lacking: Lacking) -> Answered {
        let mut why = lacking.words().to_owned();
        if lacking == Lacking::Url
            && let Some(others) = self.shelf.others(url)
        {
            why += &format!("; {others}");
        }
        self.miss(ask, &why, lacking == Lacking::Changing)
    }

    /// The answer of an exchange; of an index, with what can be served.
    fn whole(&self, exchange: &Exchange, ask: &Told, url: &Url) -> std::io::Result<Whole> {
        let Some(offer) = self.shelf.offer(url, exchange)? else {
            return self.shelf.whole(exchange, &ask.headers);
        };
        for one in offer.narrowed {
            self.log.narrow(Narrowed {
                target: ask.target.to_string(),
                package: one.package,
                versions: one.versions,
                url: ask.written.clone(),
                accept: headers::text(&ask.headers, &header::ACCEPT),
                time: SystemTime::now(),
            });
        }
        Ok(offered(exchange, offer.body))
    }

    fn find_whole(&self, ask: &Told, question: &Question<'_>) -> Result<Whole, Box<Answered>> {
        if let Some(checksum) = self.shelf.checksum(question) {
            return Ok(checksum);
        }
        let found = self.shelf.find(question);
        let found = found.map_err(|lacking| Box::new(self.lacks(ask, question.url, lacking)))?;
        if found.alike {
            self.log.alike(Alike {
                target: ask.target.to_string(),
                url: ask.written.clone(),
                recorded: found.exchange.url.clone(),
                time: SystemTime::now(),
            });
        }
        self.whole(found.exchange, ask, question.url)
            .map_err(|error| {
                let why = format!("its body is damaged or missing in the bundle ({error})");
                Box::new(self.miss(ask, &why, false))
            })
    }
}

/// A request without its body.
struct Told {
    target: Arc<str>,
    method: Method,
    written: String,
    headers: HeaderMap,
}

impl Answer for Inner {
    async fn answer(self: Arc<Self>, ask: Ask) -> Answered {
        let told = Told {
            target: ask.target,
            method: ask.method,
            written: ask.written,
            headers: ask.headers,
        };
        let Ok(body) = request_body::read(ask.body).await else {
            return self.miss(&told, "what it sends is too large or was cut", false);
        };
        let counter = &self.log.from_clients;
        counter.fetch_add(body.len() as u64, Ordering::Relaxed);
        let Ok(url) = Url::parse(&told.written) else {
            return self.miss(&told, "its address cannot be read", false);
        };
        let question = Question {
            target: &told.target,
            method: &told.method,
            url: &url,
            headers: &told.headers,
            body: request_body::digest(&ask.url, &told.headers, &body),
        };
        match self.find_whole(&told, &question) {
            Ok(whole) => {
                let (response, content) = respond(whole, &told.method, &told.headers);
                Answered {
                    response,
                    content,
                    outcome: Outcome::Replayed,
                }
            }
            Err(missed) => *missed,
        }
    }

    fn not_http(&self, target: &str, place: &str, why: &str) {
        self.log.miss(Miss {
            target: target.to_owned(),
            method: "CONNECT".to_owned(),
            url: place.to_owned(),
            accept: None,
            why: why.to_owned(),
            changing: false,
            time: SystemTime::now(),
            times: 1,
        });
    }

    fn log(&self) -> &Arc<Log> {
        &self.log
    }

    fn scrubber(&self) -> &Scrubber {
        &self.scrub
    }
}
