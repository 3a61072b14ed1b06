//! What a bundle holds, and what of it answers a request.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::choose::{Found, Index, Lacking, Question};
use super::decode;
use super::offer::{self, Held, Offer};
use crate::serve::{Content, Whole};
use crate::{Exchange, Recording, headers};

/// Headers that are true of the bytes that were recorded only.
const OF_THE_BYTES: &[&str] = &[
    "content-encoding",
    "etag",
    "last-modified",
    "expires",
    "content-md5",
    "content-digest",
    "repr-digest",
    "digest",
];

pub(super) struct Shelf {
    index: Index,
    held: Held,
    bodies: PathBuf,
}

impl Shelf {
    /// `bodies` is the folder with the blobs.
    pub(super) fn new(recordings: Vec<Recording>, bodies: PathBuf) -> Self {
        let index = Index::new(recordings);
        let held = Held::of(index.exchanges());
        Self {
            index,
            held,
            bodies,
        }
    }

    pub(super) fn find(&self, question: &Question<'_>) -> Result<Found<'_>, Lacking> {
        self.index.find(question)
    }

    /// The versions of the package that a file belongs to, where others are there.
    pub(super) fn others(&self, file: &Url) -> Option<String> {
        self.held.others(file)
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

    /// The whole answer of an exchange, as far as this client takes its coding.
    pub(super) fn whole(&self, exchange: &Exchange, asked: &HeaderMap) -> io::Result<Whole> {
        let (mut headers, announced) = recorded_headers(exchange);
        let (content, size) = match self.open(exchange)? {
            None if exchange.method == "HEAD" => (Content::Empty, announced),
            None => (Content::Empty, Some(0)),
            Some((file, size)) => {
                if let Some(coding) = decode::needed(exchange, asked) {
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

    /// An index of packages without what cannot be served; `None` where the exchange is
    /// none, or stays as it is.
    pub(super) fn offer(&self, url: &Url, exchange: &Exchange) -> io::Result<Option<Offer>> {
        if exchange.method != "GET" || exchange.status != 200 {
            return Ok(None);
        }
        let Some(kind) = offer::Index::of(url, exchange.header("content-type")) else {
            return Ok(None);
        };
        let Some(body) = self.decoded(exchange)? else {
            return Ok(None);
        };
        Ok(kind.narrow(url, &body, &self.held))
    }

    /// A body as it was before it was coded; `None` for one that is too large to be an
    /// index, or in a coding that is not known here.
    fn decoded(&self, exchange: &Exchange) -> io::Result<Option<Vec<u8>>> {
        let Some((file, size)) = self.open(exchange)? else {
            return Ok(None);
        };
        let coding = exchange.header("content-encoding").unwrap_or("identity");
        let reader: Box<dyn Read> = match coding.trim().trim_start_matches("x-") {
            "identity" | "" => Box::new(file),
            coding @ ("gzip" | "deflate" | "zstd") => decode::undo(coding, file)?,
            _ => return Ok(None),
        };
        let mut body = Vec::with_capacity(usize::try_from(size).unwrap_or(0).min(1 << 20));
        reader.take(offer::LARGEST + 1).read_to_end(&mut body)?;
        Ok((body.len() as u64 <= offer::LARGEST).then_some(body))
    }

    /// The answer to a request for the checksum of metadata that is offered in part;
    /// `None` for what is none.
    pub(super) fn checksum(&self, question: &Question<'_>) -> Option<Whole> {
        let (metadata, of) = offer::checksum_of(question.url)?;
        let asked = Question {
            url: &metadata,
            method: &Method::GET,
            ..question.clone()
        };
        let found = self.find(&asked).ok()?;
        let offer = self.offer(&metadata, found.exchange).ok()??;
        let sum = of(&offer.body);
        Some(Whole {
            status: if sum.is_some() {
                StatusCode::OK
            } else {
                StatusCode::NOT_FOUND
            },
            headers: HeaderMap::new(),
            size: Some(sum.as_ref().map_or(0, String::len) as u64),
            content: sum.map_or(Content::Empty, |sum| Content::Bytes(Bytes::from(sum))),
        })
    }
}

/// The answer that an offer is.
pub(super) fn offered(exchange: &Exchange, body: Vec<u8>) -> Whole {
    let (mut headers, _) = recorded_headers(exchange);
    for name in OF_THE_BYTES {
        headers.remove(*name);
    }
    let tag = hex::encode(&Sha256::digest(&body)[..16]);
    if let Ok(tag) = HeaderValue::try_from(format!("\"{tag}\"")) {
        headers.insert(header::ETAG, tag);
    }
    // A second trip may bring more: what a cache keeps of it is asked for again.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Whole {
        status: StatusCode::OK,
        headers,
        size: Some(body.len() as u64),
        content: Content::Bytes(Bytes::from(body)),
    }
}

/// The headers of an answer, and the length that it announced.
fn recorded_headers(exchange: &Exchange) -> (HeaderMap, Option<u64>) {
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
    (headers, announced)
}
