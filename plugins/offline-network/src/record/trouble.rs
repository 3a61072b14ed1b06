//! How an attempt at a request can fail, and what follows from it.

use std::error::Error as _;
use std::time::{Duration, SystemTime};

use http::header::{HeaderMap, RETRY_AFTER};

use crate::Cause;

/// An attempt that failed.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) cause: Cause,
    /// What happened, in words.
    pub(crate) words: String,
    /// Whether another attempt may do better.
    pub(crate) passing: bool,
    /// How long the server asks to wait.
    pub(crate) after: Option<Duration>,
}

impl Trouble {
    pub(crate) fn new(cause: Cause, words: impl Into<String>) -> Self {
        Self {
            cause,
            words: words.into(),
            passing: true,
            after: None,
        }
    }

    pub(crate) fn last(mut self) -> Self {
        self.passing = false;
        self
    }

    /// What the HTTP client says; `begun` if an answer had come already.
    pub(crate) fn of(error: &reqwest::Error, begun: bool) -> Self {
        let words = chain(error);
        if words.contains("invalid peer certificate") {
            return Self::new(Cause::Distrusted, words).last();
        }
        let cause = if begun {
            Cause::NotWhole
        } else {
            Cause::Unreachable
        };
        Self {
            passing: !error.is_builder(),
            ..Self::new(cause, words)
        }
    }

    pub(crate) fn disk(error: &std::io::Error) -> Self {
        let words = format!("the answer cannot be written down: {error}");
        Self::new(Cause::Disk, words).last()
    }
}

/// An error with its causes in one line; no URL, as that may hold credentials.
fn chain(error: &reqwest::Error) -> String {
    let mut words = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        words.push(cause.to_string());
        next = cause.source();
    }
    if words.is_empty() {
        return if error.is_timeout() {
            "it took too long".to_owned()
        } else {
            "the request failed".to_owned()
        };
    }
    words.dedup();
    words.join(": ")
}

/// `Retry-After`, in seconds or as a date (RFC 9110, 10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}
