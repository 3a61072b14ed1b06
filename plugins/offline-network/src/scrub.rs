//! Keeps credentials out of what is written down.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::query;

/// What stands in a recording where a credential was taken out.
pub const PLACEHOLDER: &str = "SCRUBBED";
/// Shorter values turn up by chance everywhere, and hide nothing.
const SHORTEST: usize = 4;
/// Within bodies, chance has more room.
const SHORTEST_IN_BODY: usize = 8;

/// The values that must never be written down.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Scrub {
    /// Contents of the build's secrets, say. White space at the ends is not part
    /// of a value.
    pub secrets: Vec<Vec<u8>>,
}

/// The same, prepared.
#[derive(Debug, Default)]
pub(crate) struct Scrubber {
    /// As text and in base64, the longest first.
    texts: Vec<String>,
    /// For bodies.
    finders: Vec<memmem::Finder<'static>>,
}

impl Scrubber {
    pub(crate) fn new(scrub: &Scrub) -> Self {
        let mut texts = Vec::new();
        let mut finders = Vec::new();
        for secret in &scrub.secrets {
            let secret = secret.trim_ascii();
            if secret.len() < SHORTEST {
                continue;
            }
            if secret.len() >= SHORTEST_IN_BODY {
                finders.push(memmem::Finder::new(secret).into_owned());
            }
            texts.push(STANDARD_NO_PAD.encode(secret));
            texts.push(URL_SAFE_NO_PAD.encode(secret));
            if let Ok(text) = std::str::from_utf8(secret) {
                texts.push(text.to_owned());
                texts.push(utf8_percent_encode(text, NON_ALPHANUMERIC).to_string());
            }
        }
        texts.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        texts.dedup();
        Self { texts, finders }
    }

    /// A URL as it is written down: no user, password or fragment, placeholders
    /// for token-like parameters and for secrets wherever they stand.
    pub(crate) fn url(&self, url: &Url) -> String {
        let mut url = url.clone();
        url.set_fragment(None);
        // Both fail only for URLs that can have no host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        if let Some(pairs) = query::pairs(&url) {
            let signed = query::is_signed(&pairs);
            let mut written = Vec::new();
            for (name, value) in &pairs {
                written.push(match value {
                    Some(value) if query::is_token(name, value, signed) && !value.is_empty() => {
                        format!("{name}={PLACEHOLDER}")
                    }
                    Some(value) => format!("{name}={}", self.encoded(value)),
                    None => self.encoded(name),
                });
            }
            url.set_query(Some(&written.join("&")));
        }
        let segments: Option<Vec<_>> = url
            .path_segments()
            .map(|all| all.map(|segment| self.encoded(segment)).collect());
        if let Some(segments) = segments {
            url.set_path(&segments.join("/"));
        }
        self.text(url.as_str())
    }

    /// A `Location` or the like, which may be relative.
    pub(crate) fn link(&self, base: &Url, link: &str) -> String {
        match Url::parse(link) {
            Ok(url) if url.has_host() => self.url(&url),
            _ => match base.join(link) {
                // A relative link stays relative, so that it reads as recorded,
                // unless there was something to take out.
                Ok(url) if url.query().is_some() || self.holds_text(link) => self.url(&url),
                _ => self.text(link),
            },
        }
    }

    /// A piece of a URL in which a secret may be written in any percent-encoding.
    fn encoded(&self, piece: &str) -> String {
        if self.texts.is_empty() || !piece.contains(['%', '+']) {
            return piece.to_owned();
        }
        let plain = percent_decode_str(piece).decode_utf8_lossy();
        // Forms write a space as a plus sign.
        for plain in [plain.to_string(), plain.replace('+', " ")] {
            let clean = self.text(&plain);
            if clean != plain {
                return utf8_percent_encode(&clean, NON_ALPHANUMERIC).to_string();
            }
        }
        piece.to_owned()
    }

    /// A text with placeholders for secrets.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.texts {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), PLACEHOLDER);
            }
        }
        text
    }

    fn holds_text(&self, text: &str) -> bool {
        self.text(text) != text
    }

    /// The longest piece of a body that must be looked at across two chunks.
    pub(crate) fn overlap(&self) -> usize {
        let longest = self.finders.iter().map(|f| f.needle().len()).max();
        longest.unwrap_or(1) - 1
    }

    /// Whether these bytes of a body hold a secret.
    pub(crate) fn found_in(&self, bytes: &[u8]) -> bool {
        self.finders.iter().any(|f| f.find(bytes).is_some())
    }

    pub(crate) fn looks_into_bodies(&self) -> bool {
        !self.finders.is_empty()
    }
}
