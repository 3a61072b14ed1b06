//! One attempt to get an answer, going on where an earlier one was cut.

use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use reqwest::Response;
use sha2::{Digest as _, Sha256};

use super::blobs::{Blobs, Partial};
use super::download::{Begun, Head, Kept, Publisher, Wanted};
use super::trouble::{Trouble, retry_after};
use crate::headers;
use crate::log::Log;
use crate::scrub::Scrubber;
use crate::{Cause, Digest};

/// What an attempt needs to know.
pub(crate) struct Means<'a> {
    pub(crate) blobs: &'a Blobs,
    pub(crate) scrub: &'a Scrubber,
    pub(crate) log: &'a Log,
    pub(crate) stall: Duration,
}

/// What earlier attempts have left.
#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) head: Option<Arc<Head>>,
    pub(crate) partial: Option<Partial>,
}

/// How an attempt ended that did not fail.
pub(crate) enum Got {
    /// The answer is whole and good.
    Whole,
    /// It is whole and bad, and was passed on as there is no further attempt.
    Bad(Trouble),
    /// It is what was recorded before.
    Unchanged,
    /// The server answers something else than in an earlier attempt of which
    /// bytes were passed on already.
    Changed,
}

impl Means<'_> {
    /// Tries once. With `last`, an answer that is not good is passed on.
    pub(crate) async fn attempt(
        &self,
        wanted: &Wanted,
        known: Option<&Kept>,
        progress: &mut Progress,
        publisher: &Publisher,
        last: bool,
    ) -> Result<Got, Trouble> {
        let resumed = resumable(wanted, progress);
        let response = self.ask(wanted, known, progress, resumed.as_ref()).await?;
        let status = response.status();
        let (headers, length) = kept_headers(response.headers());
        let bad = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        if bad {
            let trouble = refused(status, response.headers());
            if !last && trouble.passing {
                return Err(trouble);
            }
            if publisher.has_begun() {
                return Err(trouble.last());
            }
            *progress = Progress::default();
        }
        if status == StatusCode::NOT_MODIFIED {
            return match known {
                Some(_) if progress.head.is_none() => Ok(Got::Unchanged),
                _ => Err(unasked(status)),
            };
        }
        let mut compared = None;
        if status == StatusCode::PARTIAL_CONTENT {
            let from = progress.partial.as_ref().map(|p| p.written);
            if resumed.is_none() || first_byte(response.headers()) != from {
                return Err(unasked(status));
            }
        } else {
            let head = Head {
                status,
                headers,
                length,
            };
            compared = match self.restart(head, progress, publisher)? {
                Restart::Fresh => None,
                Restart::Compare(left) => Some((Sha256::new(), left)),
                Restart::Changed => return Ok(Got::Changed),
            };
        }
        let (Some(head), Some(partial)) = (progress.head.clone(), progress.partial.as_mut()) else {
            return Err(unasked(status));
        };
        let begin = |file| {
            if !publisher.has_begun() {
                publisher.begin(Begun::Answer {
                    head: head.clone(),
                    file,
                    good: !bad,
                });
            }
        };
        if wanted.method == Method::HEAD {
            begin(None);
        } else {
            let grown = |partial: &Partial| {
                begin(Some(partial.read.clone()));
                publisher.grown(partial.written);
            };
            let same = self.receive(response, partial, &head, compared, &grown);
            if !same.await? {
                return Ok(Got::Changed);
            }
            begin(Some(partial.read.clone()));
        }
        if bad {
            return Ok(Got::Bad(refused(status, &HeaderMap::new())));
        }
        Ok(Got::Whole)
    }

    /// Writes the body down, and says each time how it has grown. `compared` is what has
    /// to be the same as before, as far as so many bytes; gives whether it is.
    async fn receive(
        &self,
        mut response: Response,
        partial: &mut Partial,
        head: &Head,
        mut compared: Option<(Sha256, u64)>,
        grown: &(dyn Fn(&Partial) + Sync),
    ) -> Result<bool, Trouble> {
        while let Some(chunk) = self.chunk(&mut response, partial, head).await? {
            let mut fresh = &chunk[..];
            if let Some((hasher, left)) = &mut compared {
                let most = usize::try_from(*left).unwrap_or(usize::MAX);
                let (same, rest) = fresh.split_at(fresh.len().min(most));
                hasher.update(same);
                *left -= same.len() as u64;
                if *left > 0 {
                    continue;
                }
                if Digest::finish(hasher.clone()) != partial.so_far() {
                    return Ok(false);
                }
                compared = None;
                fresh = rest;
            }
            partial
                .write(fresh, self.scrub)
                .map_err(|e| Trouble::disk(&e))?;
            grown(partial);
        }
        if compared.is_some() {
            return Err(not_whole(partial, head));
        }
        Ok(true)
    }

    async fn ask(
        &self,
        wanted: &Wanted,
        known: Option<&Kept>,
        progress: &Progress,
        resumed: Option<&(u64, HeaderValue)>,
    ) -> Result<Response, Trouble> {
        let mut headers = wanted.headers.clone();
        if let Some((from, validator)) = resumed {
            if let Ok(range) = HeaderValue::try_from(format!("bytes={from}-")) {
                headers.insert(header::RANGE, range);
            }
            headers.insert(header::IF_RANGE, validator.clone());
        } else if progress.head.is_none()
            && let Some((name, value)) = known.and_then(Kept::condition)
        {
            headers.insert(name, value.clone());
        }
        let mut request = wanted
            .client
            .request(wanted.method.clone(), wanted.url.clone())
            .headers(headers);
        if !wanted.body.is_empty() {
            request = request.body(wanted.body.clone());
        } else if wanted.method == Method::POST || wanted.method == Method::PUT {
            request = request.header(header::CONTENT_LENGTH, 0);
        }
        match tokio::time::timeout(self.stall, request.send()).await {
            Ok(answer) => answer.map_err(|e| Trouble::of(&e, false)),
            Err(_) => Err(Trouble::new(
                Cause::Unreachable,
                format!("no answer within {:?}", self.stall),
            )),
        }
    }

    async fn chunk(
        &self,
        response: &mut Response,
        partial: &Partial,
        head: &Head,
    ) -> Result<Option<bytes::Bytes>, Trouble> {
        let next = tokio::time::timeout(self.stall, response.chunk()).await;
        let Ok(next) = next else {
            let words = format!("nothing came for {:?}", self.stall);
            return Err(Trouble::new(Cause::NotWhole, words));
        };
        let chunk = next.map_err(|error| {
            let cut = not_whole(partial, head);
            let why = Trouble::of(&error, true);
            Trouble::new(Cause::NotWhole, format!("{} ({})", cut.words, why.words))
        })?;
        if let Some(chunk) = &chunk {
            let counter = &self.log.from_servers;
            counter.fetch_add(chunk.len() as u64, std::sync::atomic::Ordering::Relaxed);
        }
        Ok(chunk)
    }

    /// Begins to write an answer from its first byte, or to compare it with what
    /// was passed on of an earlier one.
    fn restart(
        &self,
        head: Head,
        progress: &mut Progress,
        publisher: &Publisher,
    ) -> Result<Restart, Trouble> {
        if let (Some(old), Some(partial)) = (&progress.head, &progress.partial)
            && publisher.has_begun()
        {
            let tag = |h: &Head| h.headers.get(header::ETAG).cloned();
            let coding = |h: &Head| h.headers.get(header::CONTENT_ENCODING).cloned();
            let same = old.status == head.status
                && old.length == head.length
                && tag(old) == tag(&head)
                && coding(old) == coding(&head);
            return Ok(match partial.written {
                _ if !same => Restart::Changed,
                0 => Restart::Fresh,
                written => Restart::Compare(written),
            });
        }
        progress.partial = Some(self.blobs.partial().map_err(|e| Trouble::disk(&e))?);
        progress.head = Some(Arc::new(head));
        Ok(Restart::Fresh)
    }
}

enum Restart {
    Fresh,
    /// The first bytes must be the same as these many before.
    Compare(u64),
    Changed,
}

/// From where on to ask, and what must be unchanged for that.
fn resumable(wanted: &Wanted, progress: &Progress) -> Option<(u64, HeaderValue)> {
    let written = progress.partial.as_ref()?.written;
    let head = progress.head.as_ref()?;
    if written == 0 || wanted.method != Method::GET || head.status != StatusCode::OK {
        return None;
    }
    let tag = head.headers.get(header::ETAG)?;
    (!tag.as_bytes().starts_with(b"W/")).then(|| (written, tag.clone()))
}

fn kept_headers(headers: &HeaderMap) -> (HeaderMap, Option<u64>) {
    let mut kept = headers.clone();
    headers::end_to_end(&mut kept);
    let length = kept
        .remove(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.trim().parse().ok());
    (kept, length)
}

fn first_byte(headers: &HeaderMap) -> Option<u64> {
    let extent = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let range = extent.trim().strip_prefix("bytes ")?;
    range.split('-').next()?.trim().parse().ok()
}

fn refused(status: StatusCode, headers: &HeaderMap) -> Trouble {
    let trouble = Trouble {
        after: retry_after(headers),
        ..Trouble::new(
            Cause::Status(status.as_u16()),
            format!("the server answered {status}"),
        )
    };
    // These do not pass by waiting.
    if matches!(
        status,
        StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED
    ) {
        return trouble.last();
    }
    trouble
}

fn unasked(status: StatusCode) -> Trouble {
    let words = format!("the server answered {status}, which was not asked for");
    Trouble::new(Cause::NotWhole, words)
}

fn not_whole(partial: &Partial, head: &Head) -> Trouble {
    let words = match head.length {
        Some(length) => format!("the body ended after {} of {length} bytes", partial.written),
        None => format!("the body was cut after {} bytes", partial.written),
    };
    Trouble::new(Cause::NotWhole, words)
}
