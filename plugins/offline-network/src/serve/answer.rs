//! From a whole answer to what this request asked of it: conditions, ranges, HEAD.

use std::time::SystemTime;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};

use super::body::Content;
use crate::headers;

/// The whole answer to a GET (or the only one to another method).
pub(crate) struct Whole {
    pub(crate) status: StatusCode,
    /// End-to-end headers without `Content-Length`.
    pub(crate) headers: HeaderMap,
    /// Of the body, if it is known; of the body that a GET would have for a HEAD.
    pub(crate) size: Option<u64>,
    pub(crate) content: Content,
}

/// Headers that go with a 304 (RFC 9110, 15.4.5).
const WITH_304: &[header::HeaderName] = &[
    header::CACHE_CONTROL,
    header::CONTENT_LOCATION,
    header::ETAG,
    header::EXPIRES,
    header::LAST_MODIFIED,
    header::VARY,
];

/// Answers a request from the whole.
pub(crate) fn respond(whole: Whole, method: &Method, asked: &HeaderMap) -> (Response<()>, Content) {
    let Whole {
        status,
        headers,
        size,
        content,
    } = whole;
    let mut response = Response::new(());
    *response.status_mut() = status;
    let readable = *method == Method::GET || *method == Method::HEAD;
    if status == StatusCode::OK && readable {
        if not_modified(asked, &headers) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            for name in WITH_304 {
                if let Some(value) = headers.get(name) {
                    response.headers_mut().insert(name, value.clone());
                }
            }
            return (response, Content::Empty);
        }
        if let Some(size) = size
            && *method == Method::GET
            && let Some(range) = range(asked, &headers, size)
        {
            return partial(response, headers, size, range, content);
        }
    }
    *response.headers_mut() = headers;
    let headers = response.headers_mut();
    if status == StatusCode::OK && size.is_some() && readable {
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    if let Some(size) = size
        && status != StatusCode::NO_CONTENT
    {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    }
    if *method == Method::HEAD {
        return (response, Content::Empty);
    }
    (response, content)
}

/// First and last byte, or nothing if there are no such bytes.
type Range = Option<(u64, u64)>;

fn partial(
    mut response: Response<()>,
    headers: HeaderMap,
    size: u64,
    range: Range,
    content: Content,
) -> (Response<()>, Content) {
    let (status, extent, content) = match range {
        Some((first, last)) => (
            StatusCode::PARTIAL_CONTENT,
            format!("bytes {first}-{last}/{size}"),
            cut(content, first, last - first + 1),
        ),
        None => (
            StatusCode::RANGE_NOT_SATISFIABLE,
            format!("bytes */{size}"),
            Content::Empty,
        ),
    };
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    let length = range.map_or(0, |(first, last)| last - first + 1);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if let Ok(extent) = HeaderValue::try_from(extent) {
        headers.insert(header::CONTENT_RANGE, extent);
    }
    (response, content)
}

fn cut(content: Content, first: u64, length: u64) -> Content {
    match content {
        Content::Bytes(bytes) => {
            let from = usize::try_from(first)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            let rest = usize::try_from(length).unwrap_or(usize::MAX);
            let to = from.saturating_add(rest).min(bytes.len());
            Content::Bytes(bytes.slice(from..to))
        }
        Content::File { file, start, .. } => Content::File {
            file,
            start: start + first,
            length,
        },
        Content::Growing {
            file,
            growth,
            start,
            ..
        } => Content::Growing {
            file,
            growth,
            start: start + first,
            length: Some(length),
        },
        other => other,
    }
}

/// Whether the client has it already (RFC 9110, 13.2.2).
fn not_modified(asked: &HeaderMap, have: &HeaderMap) -> bool {
    if let Some(tags) = headers::text(asked, &header::IF_NONE_MATCH) {
        let Some(tag) = have.get(header::ETAG).and_then(|t| t.to_str().ok()) else {
            return false;
        };
        let weak = |t: &str| t.trim().trim_start_matches("W/").to_owned();
        return tags.trim() == "*" || tags.split(',').any(|t| weak(t) == weak(tag));
    }
    let since = date(asked, &header::IF_MODIFIED_SINCE);
    let changed = date(have, &header::LAST_MODIFIED);
    matches!((since, changed), (Some(since), Some(changed)) if changed <= since)
}

/// The one range asked for, if it applies; several ranges at once are answered
/// with the whole, as RFC 9110, 14.2 allows.
fn range(asked: &HeaderMap, have: &HeaderMap, size: u64) -> Option<Range> {
    let ranges = headers::text(asked, &header::RANGE)?;
    if let Some(condition) = asked.get(header::IF_RANGE) {
        let same_tag =
            have.get(header::ETAG) == Some(condition) && !condition.as_bytes().starts_with(b"W/");
        let same_date = have.get(header::LAST_MODIFIED) == Some(condition);
        if !same_tag && !same_date {
            return None;
        }
    }
    let (unit, range) = ranges.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") || range.contains(',') {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    let number = |text: &str| text.trim().parse::<u64>().ok();
    if first.trim().is_empty() {
        let length = number(last)?.min(size);
        return Some((length > 0).then(|| (size - length, size - 1)));
    }
    let first = number(first)?;
    let last = if last.trim().is_empty() {
        u64::MAX
    } else {
        number(last)?
    };
    if last < first {
        return None;
    }
    Some((first < size).then(|| (first, last.min(size - 1))))
}

fn date(headers: &HeaderMap, name: &header::HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn ask(method: &Method, headers: &[(&'static str, &'static str)]) -> (u16, HeaderMap, Vec<u8>) {
        let map = |all: &[(&'static str, &'static str)]| {
            all.iter()
                .map(|(n, v)| {
                    (
                        header::HeaderName::from_static(n),
                        HeaderValue::from_static(v),
                    )
                })
                .collect::<HeaderMap>()
        };
        let whole = Whole {
            status: StatusCode::OK,
            headers: map(&[
                ("etag", "\"v1\""),
                ("last-modified", "Wed, 21 Oct 2015 07:28:00 GMT"),
            ]),
            size: Some(10),
            content: Content::Bytes(Bytes::from_static(b"0123456789")),
        };
        let (response, content) = respond(whole, method, &map(headers));
        let body = match content {
            Content::Bytes(bytes) => bytes.to_vec(),
            _ => Vec::new(),
        };
        (response.status().as_u16(), response.headers().clone(), body)
    }

    #[test]
    fn conditions_are_weighed() {
        let get = |headers| ask(&Method::GET, headers).0;
        assert_eq!(get(&[]), 200);
        assert_eq!(get(&[("if-none-match", "W/\"v1\"")]), 304);
        assert_eq!(get(&[("if-none-match", "\"v0\", \"v1\"")]), 304);
        assert_eq!(get(&[("if-none-match", "\"v2\"")]), 200);
        assert_eq!(
            get(&[
                ("if-none-match", "\"v2\""),
                ("if-modified-since", "Wed, 21 Oct 2015 07:28:00 GMT")
            ]),
            200
        );
        assert_eq!(
            get(&[("if-modified-since", "Wed, 21 Oct 2015 07:28:00 GMT")]),
            304
        );
        assert_eq!(
            get(&[("if-modified-since", "Wed, 21 Oct 2015 07:27:59 GMT")]),
            200
        );
    }

    #[test]
    fn ranges_are_cut() {
        let get = |range| {
            let (status, headers, body) = ask(&Method::GET, &[("range", range)]);
            let extent = headers
                .get("content-range")
                .map(|v| v.to_str().unwrap().to_owned());
            (
                status,
                extent.unwrap_or_default(),
                String::from_utf8(body).unwrap(),
            )
        };
        let is =
            |status: u16, extent: &str, body: &str| (status, extent.to_owned(), body.to_owned());
        assert_eq!(get("bytes=2-4"), is(206, "bytes 2-4/10", "234"));
        assert_eq!(get("bytes=7-"), is(206, "bytes 7-9/10", "789"));
        assert_eq!(get("bytes=-3"), is(206, "bytes 7-9/10", "789"));
        assert_eq!(get("bytes=-30"), is(206, "bytes 0-9/10", "0123456789"));
        assert_eq!(get("bytes=8-100"), is(206, "bytes 8-9/10", "89"));
        assert_eq!(get("bytes=10-"), is(416, "bytes */10", ""));
        assert_eq!(get("bytes=-0"), is(416, "bytes */10", ""));
        assert_eq!(get("bytes=4-2"), is(200, "", "0123456789"));
        assert_eq!(get("bytes=0-1,3-4"), is(200, "", "0123456789"));
        assert_eq!(get("lines=0-1"), is(200, "", "0123456789"));
    }

    #[test]
    fn a_range_of_something_else_gets_the_whole() {
        let get = |tag| ask(&Method::GET, &[("range", "bytes=0-1"), ("if-range", tag)]).0;
        assert_eq!(get("\"v1\""), 206);
        assert_eq!(get("\"v2\""), 200);
        assert_eq!(get("Wed, 21 Oct 2015 07:28:00 GMT"), 206);
    }

    #[test]
    fn a_head_has_the_length_and_no_body() {
        let (status, headers, body) = ask(&Method::HEAD, &[]);
        assert_eq!((status, body.len()), (200, 0));
        assert_eq!(headers.get("content-length").unwrap(), "10");
    }
}
