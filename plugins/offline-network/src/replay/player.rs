//! The replaying proxy.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use url::Url;

use super::choose::{Index, Question};
use super::decode;
use crate::log::Log;
use crate::request_body;
use crate::scrub::Scrubber;
use crate::serve::{Answer, Answered, Ask, Bound, Content, Server, Whole, respond, words};
use crate::{
    Authority, Counts, Error, Exchange, Listen, Miss, Outcome, Recording, Request, Scrub, headers,
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
            index: Index::new(recordings),
            bodies,
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
    index: Index,
    bodies: PathBuf,
    scrub: Scrubber,
    log: Arc<Log>,
}

impl Inner {
    fn miss(&self, ask: &Told, why: &str) -> Answered {
        self.log.miss(Miss {
            target: ask.target.to_string(),
            method: ask.method.as_str().to_owned(),
            url: ask.written.clone(),
            accept: headers::text(&ask.headers, &header::ACCEPT),
            why: why.to_owned(),
            time: SystemTime::now(),
            times: 1,
        });
        let text = format!(
            "{method} {url} is not in the bundle: {why}.\n\
             It was asked for by the build of {target}. To bring it: \
             docker offline build --wanted wanted.json here, and \
             docker offline export --fetch wanted.json on the connected side.",
            method = ask.method,
            url = ask.written,
            target = ask.target,
        );
        let mut missed = words(StatusCode::NOT_FOUND, &text, Outcome::Missed);
        let mark = HeaderValue::from_static("not-recorded");
        missed.response.headers_mut().insert(NOT_RECORDED, mark);
        missed
    }

    fn open(&self, exchange: &Exchange) -> io::Result<Option<(File, u64)>> {
        let Some(body) = &exchange.body else {
            return Ok(None);
        };
        let file = File::open(self.bodies.join(body.digest.hex()))?;
        if file.metadata()?.len() != body.size {
            return Err(io::Error::other("it is not of the size recorded"));
        }
        Ok(Some((file, body.size)))
    }

    fn whole(&self, exchange: &Exchange, ask: &Told) -> io::Result<Whole> {
        let mut headers = HeaderMap::new();
        let mut announced = None;
        for (name, text) in &exchange.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).ok();
            let (Some(name), Some(value)) = (name, headers::value(text)) else {
                continue;
            };
            if name == header::CONTENT_LENGTH {
                announced = text.parse().ok();
            } else {
                headers.append(name, value);
            }
        }
        headers::end_to_end(&mut headers);
        let (content, size) = match self.open(exchange)? {
            None if exchange.method == "HEAD" => (Content::Empty, announced),
            None => (Content::Empty, Some(0)),
            Some((file, size)) => {
                if let Some(coding) = decode::needed(exchange, &ask.headers) {
                    headers.remove(header::CONTENT_ENCODING);
                    // It names other bytes now (RFC 9110, 8.8.3.3).
                    headers.remove(header::ETAG);
                    (Content::Reader(decode::undo(coding, file)?), None)
                } else {
                    let file = Arc::new(file);
                    let content = Content::File {
                        file,
                        start: 0,
                        length: size,
                    };
                    (content, Some(size))
                }
            }
        };
        let status = StatusCode::from_u16(exchange.status).map_err(io::Error::other)?;
        Ok(Whole {
            status,
            headers,
            size,
            content,
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
            return self.miss(&told, "what it sends is too large or was cut");
        };
        let counter = &self.log.from_clients;
        counter.fetch_add(body.len() as u64, Ordering::Relaxed);
        let Ok(url) = Url::parse(&told.written) else {
            return self.miss(&told, "its address cannot be read");
        };
        let question = Question {
            target: &told.target,
            method: &told.method,
            url: &url,
            headers: &told.headers,
            body: request_body::digest(&ask.url, &told.headers, &body),
        };
        let exchange = match self.index.find(&question) {
            Ok(exchange) => exchange,
            Err(lacking) => return self.miss(&told, lacking.words()),
        };
        match self.whole(exchange, &told) {
            Ok(whole) => {
                let (response, content) = respond(whole, &told.method, &told.headers);
                Answered {
                    response,
                    content,
                    outcome: Outcome::Replayed,
                }
            }
            Err(error) => self.miss(
                &told,
                &format!("its body is damaged or missing in the bundle ({error})"),
            ),
        }
    }

    fn not_http(&self, target: &str, place: &str, why: &str) {
        self.log.miss(Miss {
            target: target.to_owned(),
            method: "CONNECT".to_owned(),
            url: place.to_owned(),
            accept: None,
            why: why.to_owned(),
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
