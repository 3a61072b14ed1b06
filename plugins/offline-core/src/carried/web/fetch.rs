use std::future::Future;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, ETAG, HeaderMap, HeaderValue, IF_RANGE, RANGE};
use reqwest::{Response, StatusCode, Url};

use super::error::Tried;
use super::{Error, netrc, shown};
use crate::engine::{self, Docker};
use crate::event::Reporter;
use crate::layout::{self, BlobWriter, Committed, Digest, Layout, Progress};
use crate::registry::{self, Failed, GOT_ON, Retry, chain, continues, may_pass, retry_after};

/// How often the last server that can be asked is asked, and the others.
const ATTEMPTS: [u32; 2] = [5, 2];
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// How often it is asked whether the user has interrupted.
const TICK: Duration = Duration::from_millis(100);
/// The longest document that is read into memory.
const DOCUMENT: usize = 64 << 20;
/// How long a question before the export may take.
const QUESTION: Duration = Duration::from_secs(10);

/// How servers are reached.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// The proxy for everything but loopback; `None` takes the environment's.
    pub proxy: Option<String>,
    /// A PEM file of authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
}

/// Something that is fetched, and where from.
#[derive(Debug, Clone, Default)]
pub(in crate::carried) struct Source {
    /// What it is, in messages; its first address where that says it.
    pub(in crate::carried) what: String,
    /// Where it is declared, with a colon; empty where nobody knows.
    pub(in crate::carried) place: String,
    /// Addresses, the best first.
    pub(in crate::carried) urls: Vec<String>,
    /// A token for the host of the first address.
    pub(in crate::carried) token: Option<String>,
}

/// What a server says of something that is not fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::carried) struct Found {
    /// Its size in bytes, where the server says it.
    pub(in crate::carried) size: Option<u64>,
}

/// Fetches.
pub(in crate::carried) struct Web<'a> {
    docker: &'a Docker,
    reporter: &'a dyn Reporter,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl<'a> Web<'a> {
    /// Prepares the client; nothing is asked yet.
    pub(in crate::carried) fn new(
        reach: &Reach,
        docker: &'a Docker,
        reporter: &'a dyn Reporter,
    ) -> Result<Self, Error> {
        let authorities = reach.ca_file.as_deref().map(registry::read_authorities);
        let authorities = authorities.transpose()?.unwrap_or_default();
        let setup = |message: String| registry::Error::Setup { message };
        let http = registry::client(reach.proxy.as_deref(), &authorities)?
            .build()
            .map_err(|e| setup(chain(&e)))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| setup(e.to_string()))?;
        Ok(Self {
            docker,
            reporter,
            http,
            runtime,
        })
    }

    /// Asks without fetching. `None` where no server says anything of use; a server that
    /// does not have it is an error only if no other one may.
    pub(in crate::carried) fn ask(&self, source: &Source) -> Result<Option<Found>, Error> {
        let mut failures = Vec::new();
        for url in &source.urls {
            let question = async {
                let request = self.request(source, url, reqwest::Method::HEAD);
                let request = request?.timeout(QUESTION);
                request.send().await.map_err(|e| Failed::passing(chain(&e)))
            };
            match self.watched(question)? {
                Ok(answer) if answer.status().is_success() => {
                    let length = answer.headers().get(reqwest::header::CONTENT_LENGTH);
                    let length = length.and_then(|v| v.to_str().ok()?.trim().parse().ok());
                    return Ok(Some(Found { size: length }));
                }
                Ok(answer) if is_gone(answer.status()) => {
                    failures.push((url.as_str(), Failed::NotFound));
                }
                // Not every server takes this question, and not every failure lasts.
                _ => return Ok(None),
            }
        }
        Err(explain(source, failures))
    }

    /// Fetches into the layout. With `wanted`, what an earlier run has left is gone on
    /// with, and other bytes are refused.
    pub(in crate::carried) fn fetch(
        &self,
        source: &Source,
        wanted: Option<&Digest>,
        layout: &Layout,
        progress: Progress<'_>,
    ) -> Result<Committed, Error> {
        let mut failures: Vec<(&str, Failed<Error>)> = Vec::new();
        for (number, url) in source.urls.iter().enumerate() {
            let last = number + 1 == source.urls.len();
            let mut retry = self.retry(url, last);
            let all = self.blob(source, url, wanted, layout, &mut retry, progress);
            match self.watched(all)? {
                Ok(committed) => return Ok(committed),
                // Another server may still have the right one.
                Err(Failed::Final(error)) if !matches!(error, Error::Changed { .. }) => {
                    return Err(error);
                }
                Err(failed) => failures.push((url, failed)),
            }
        }
        Err(explain(source, failures))
    }

    /// Reads a document into memory.
    pub(in crate::carried) fn document(&self, source: &Source) -> Result<Vec<u8>, Error> {
        let mut failures = Vec::new();
        for (number, url) in source.urls.iter().enumerate() {
            let mut retry = self.retry(url, number + 1 == source.urls.len());
            let all = async {
                loop {
                    match self.bytes(source, url).await {
                        Ok(bytes) => return Ok(bytes),
                        Err(failed) => retry.next(failed).await?,
                    }
                }
            };
            match self.watched(all)? {
                Ok(bytes) => return Ok(bytes),
                Err(failed) => failures.push((url.as_str(), failed)),
            }
        }
        Err(explain(source, failures))
    }

    /// Says that something is not what it should be.
    pub(in crate::carried) fn changed(source: &Source, expected: &str, found: &str) -> Error {
        Error::Changed {
            place: source.place.clone(),
            what: source.what.clone(),
            expected: expected.to_owned(),
            found: found.to_owned(),
        }
    }

    fn retry(&self, url: &str, last: bool) -> Retry<'_> {
        let [all, few] = ATTEMPTS;
        let attempts = if last { all } else { few };
        Retry::new(self.reporter, shown(url), attempts, FIRST_WAIT)
    }

    /// Does something until the user interrupts.
    fn watched<T>(&self, work: impl Future<Output = T>) -> Result<T, engine::Error> {
        self.runtime.block_on(async {
            tokio::pin!(work);
            loop {
                match tokio::time::timeout(TICK, &mut work).await {
                    Ok(value) => return Ok(value),
                    Err(_) => self.docker.check_interrupt()?,
                }
            }
        })
    }

    fn request(
        &self,
        source: &Source,
        url: &str,
        method: reqwest::Method,
    ) -> Result<reqwest::RequestBuilder, Failed<Error>> {
        let url = Url::parse(url).map_err(|e| Failed::Denied(e.to_string()))?;
        let of_source = |other: &String| Url::parse(other).is_ok_and(|u| u.host() == url.host());
        let token = source.token.as_ref();
        let token = token.filter(|_| source.urls.first().is_some_and(of_source));
        let named = url.host_str().filter(|_| url.username().is_empty());
        let known = named.and_then(netrc::credentials);
        let request = self.http.request(method, url.clone());
        Ok(match (token, known) {
            (Some(token), _) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            (None, Some((user, password))) => request.basic_auth(user, Some(password)),
            (None, None) => request,
        })
    }

    async fn bytes(&self, source: &Source, url: &str) -> Result<Vec<u8>, Failed<Error>> {
        let request = self.request(source, url, reqwest::Method::GET)?;
        let mut response = send(request).await?;
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => return Ok(bytes),
                Err(error) => return Err(Failed::passing(chain(&error))),
            }
            if bytes.len() > DOCUMENT {
                return Err(Failed::Denied("its answer is too large".into()));
            }
        }
    }

    async fn blob(
        &self,
        source: &Source,
        url: &str,
        wanted: Option<&Digest>,
        layout: &Layout,
        retry: &mut Retry<'_>,
        progress: Progress<'_>,
    ) -> Result<Committed, Failed<Error>> {
        let mut part = match wanted {
            Some(digest) => {
                let (writer, already) = layout.resume_writer(digest)?;
                progress(already);
                Part::of(writer, already)
            }
            None => Part::of(layout.blob_writer()?, 0),
        };
        loop {
            let before = part.writer.size();
            match self.attempt(source, url, &mut part, progress).await {
                Ok(()) => {}
                Err(failed) => {
                    if part.writer.size() >= before + GOT_ON {
                        retry.got_on();
                    }
                    retry.next(failed).await?;
                    continue;
                }
            }
            let found = part.writer.digest();
            match wanted.filter(|digest| **digest != found) {
                None => return Ok(part.writer.commit(wanted)?),
                // What an earlier run has left may be of something else.
                Some(_) if part.inherited > 0 => part.restart()?,
                Some(digest) => {
                    part.restart()?;
                    return Err(Failed::Final(Error::Changed {
                        place: source.place.clone(),
                        what: shown(url),
                        expected: digest.to_string(),
                        found: found.to_string(),
                    }));
                }
            }
        }
    }

    async fn attempt(
        &self,
        source: &Source,
        url: &str,
        part: &mut Part,
        progress: Progress<'_>,
    ) -> Result<(), Failed<Error>> {
        let mut request = self.request(source, url, reqwest::Method::GET)?;
        let from = part.writer.size();
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
            if let Some(tag) = &part.tag {
                request = request.header(IF_RANGE, tag);
            }
        }
        let mut response = send(request).await?;
        if !continues(&response, from) {
            part.restart()?;
            if response.status() != StatusCode::OK {
                return Err(Failed::passing(format!(
                    "the server answers {} to a request to continue",
                    response.status()
                )));
            }
        }
        part.tag = strong_tag(response.headers());
        let length = response.content_length();
        let whole = length.map(|length| part.writer.size() + length);
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(error) => return Err(Failed::passing(chain(&error))),
            };
            let written = part.writer.write_all(&chunk);
            written.map_err(|e| layout::Error::io("write", part.writer.path())(e))?;
            progress(chunk.len() as u64);
        }
        match whole {
            Some(whole) if part.writer.size() < whole => Err(Failed::passing(format!(
                "the connection ended after {} of {whole} bytes",
                part.writer.size()
            ))),
            _ => Ok(()),
        }
    }
}

/// What has come of a blob.
struct Part {
    writer: BlobWriter,
    /// How much of it is of an earlier run.
    inherited: u64,
    /// What the server calls this content.
    tag: Option<HeaderValue>,
}

impl Part {
    fn of(writer: BlobWriter, inherited: u64) -> Self {
        Self {
            writer,
            inherited,
            tag: None,
        }
    }

    fn restart(&mut self) -> Result<(), layout::Error> {
        (self.inherited, self.tag) = (0, None);
        self.writer.restart()
    }
}

impl From<layout::Error> for Failed<Error> {
    fn from(error: layout::Error) -> Self {
        Self::Final(error.into())
    }
}

async fn send(request: reqwest::RequestBuilder) -> Result<Response, Failed<Error>> {
    let response = request.send().await;
    let response = response.map_err(|e| match chain(&e) {
        cause if e.is_builder() => Failed::Denied(cause),
        cause => Failed::passing(cause),
    })?;
    match response.status() {
        status if status.is_success() => Ok(response),
        StatusCode::RANGE_NOT_SATISFIABLE => Ok(response),
        status if is_gone(status) => Err(Failed::NotFound),
        status if may_pass(status) => Err(Failed::Passing {
            cause: status.to_string(),
            after: retry_after(&response),
        }),
        status => Err(Failed::Denied(status.to_string())),
    }
}

fn is_gone(status: StatusCode) -> bool {
    matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE)
}

/// A tag that says that all bytes are the same (RFC 9110, 8.8.3).
fn strong_tag(headers: &HeaderMap) -> Option<HeaderValue> {
    let tag = headers.get(ETAG)?;
    (!tag.as_bytes().starts_with(b"W/")).then(|| tag.clone())
}

/// What stands for all servers: other content says most, then a refusal, then a failure
/// that may pass.
fn explain(source: &Source, failures: Vec<(&str, Failed<Error>)>) -> Error {
    let (mut tried, mut passing, mut denied) = (Vec::new(), false, false);
    for (url, failed) in failures {
        let words = match failed {
            Failed::Final(error) => return error,
            Failed::NotFound => "it does not have it".to_owned(),
            Failed::Denied(cause) => {
                denied = true;
                cause
            }
            Failed::Passing { cause, .. } => {
                passing = true;
                cause
            }
        };
        tried.push(format!("{}: {words}", shown(url)));
    }
    let (place, what) = (source.place.clone(), source.what.clone());
    let tried = Tried(tried);
    if denied {
        Error::Denied { place, what, tried }
    } else if passing {
        Error::Unreachable { place, what, tried }
    } else {
        Error::Missing { place, what, tried }
    }
}
