//! What was recorded: the index of exchanges, as it travels.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderName, Method, StatusCode};
use serde::{Deserialize, Serialize};

use crate::{Digest, Error};

/// The format that [`Recording::to_json`] writes.
pub const FORMAT: u32 = 1;

/// Most bytes of an index that are read; a million exchanges take about 400 MB.
const LARGEST_INDEX: usize = 512 << 20;
/// Most exchanges in one index.
const MOST_EXCHANGES: usize = 2_000_000;
/// Most headers of one exchange; hyper takes no more than 100 by itself.
const MOST_HEADERS: usize = 256;
/// Most bytes of one URL or header value.
const LONGEST_VALUE: usize = 64 << 10;

/// All exchanges of a recording, in a stable order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recording {
    /// What was asked and answered.
    pub exchanges: Vec<Exchange>,
}

/// A request and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    /// In capitals.
    pub method: String,
    /// Absolute, without user, password or fragment; values of token-like query
    /// parameters are replaced.
    pub url: String,
    /// The request headers that the answer may vary by; lower-case names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub varies: BTreeMap<String, String>,
    /// The digest of the request's body, normalised where its kind is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_body: Option<Digest>,
    /// Of the answer; 2xx, 3xx or 4xx.
    pub status: u16,
    /// Of the answer; lower-case names, each byte of a value one character.
    pub headers: Vec<(String, String)>,
    /// Of the answer, as it was received; none if it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// Who asked.
    pub targets: BTreeSet<String>,
}

/// The body of an answer: a blob.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    /// Names the blob.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
}

#[derive(Serialize)]
struct Written<'a> {
    format: u32,
    exchanges: &'a [Exchange],
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

impl Recording {
    /// The index as JSON with a format number; equal recordings give equal bytes.
    pub fn to_json(&self) -> Result<Vec<u8>, Error> {
        let mut sorted = self.clone();
        sorted.sort();
        let written = Written {
            format: FORMAT,
            exchanges: &sorted.exchanges,
        };
        serde_json::to_vec(&written).map_err(|e| not_a_recording(e.to_string()))
    }

    /// Reads an index; it comes from a bundle and is not trusted: sizes are
    /// bounded, and every method, URL, header and digest is checked. Fields that
    /// are not known are ignored.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > LARGEST_INDEX {
            return Err(not_a_recording(format!(
                "it has {} bytes; {LARGEST_INDEX} are the most",
                bytes.len()
            )));
        }
        let format: Format =
            serde_json::from_slice(bytes).map_err(|e| not_a_recording(e.to_string()))?;
        if format.format > FORMAT {
            return Err(Error::Newer {
                format: format.format,
                known: FORMAT,
            });
        }
        let recording: Self =
            serde_json::from_slice(bytes).map_err(|e| not_a_recording(e.to_string()))?;
        if recording.exchanges.len() > MOST_EXCHANGES {
            return Err(not_a_recording(format!(
                "it has {} exchanges; {MOST_EXCHANGES} are the most",
                recording.exchanges.len()
            )));
        }
        for (number, exchange) in recording.exchanges.iter().enumerate() {
            exchange
                .check()
                .map_err(|what| not_a_recording(format!("exchange {number}: {what}")))?;
        }
        Ok(recording)
    }

    /// Every body once, in the order of digests: the blobs that belong to it.
    pub fn bodies(&self) -> BTreeSet<Body> {
        let bodies = self.exchanges.iter().filter_map(|e| e.body.clone());
        bodies.collect()
    }

    /// Adds another recording; where both answer the same request for the same
    /// targets, the other one is preferred.
    pub fn merge(&mut self, newer: Self) {
        let mut taken: BTreeMap<_, BTreeSet<&String>> = BTreeMap::new();
        for new in &newer.exchanges {
            taken.entry(new.asked()).or_default().extend(&new.targets);
        }
        self.exchanges.retain_mut(|old| {
            let Some(targets) = taken.get(&old.asked()) else {
                return true;
            };
            old.targets.retain(|target| !targets.contains(target));
            !old.targets.is_empty()
        });
        self.exchanges.extend(newer.exchanges);
        self.sort();
    }

    /// Puts the exchanges into the order in which they are written.
    pub fn sort(&mut self) {
        self.exchanges
            .sort_by(|a, b| a.sort_key().cmp(&b.sort_key()));
    }
}

impl Exchange {
    fn asked(&self) -> (String, String, BTreeMap<String, String>, Option<Digest>) {
        (
            self.url.clone(),
            self.method.clone(),
            self.varies.clone(),
            self.request_body.clone(),
        )
    }

    fn sort_key(&self) -> impl Ord + '_ {
        (
            (&self.url, &self.method, &self.varies, &self.request_body),
            (self.status, &self.headers, &self.body, &self.targets),
        )
    }

    /// The first header of this (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter().filter(|(n, _)| n == name);
        all.next().map(|(_, value)| value.as_str())
    }

    fn check(&self) -> Result<(), &'static str> {
        let values = self.headers.iter().map(|(_, v)| v);
        let mut long = values.chain(self.varies.values()).chain([&self.url]);
        if Method::from_bytes(self.method.as_bytes()).is_err() || self.method.len() > 32 {
            Err("its method is not one")
        } else if !(200..500).contains(&self.status)
            || self.status == 304
            || StatusCode::from_u16(self.status).is_err()
        {
            Err("its status is not one that is recorded")
        } else if long.any(|v| v.len() > LONGEST_VALUE) {
            Err("a URL or header is too long")
        } else if self.headers.len() > MOST_HEADERS || self.varies.len() > MOST_HEADERS {
            Err("it has too many headers")
        } else if !url::Url::parse(&self.url).is_ok_and(|u| matches!(u.scheme(), "http" | "https"))
        {
            Err("its URL is not one of HTTP")
        } else if !self.headers.iter().all(|(n, v)| {
            HeaderName::from_bytes(n.as_bytes()).is_ok() && crate::headers::value(v).is_some()
        }) {
            Err("a header is not one")
        } else {
            Ok(())
        }
    }
}

fn not_a_recording(message: String) -> Error {
    Error::NotARecording { message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(url: &str, body: &[u8], target: &str) -> Exchange {
        Exchange {
            method: "GET".into(),
            url: url.into(),
            varies: BTreeMap::new(),
            request_body: None,
            status: 200,
            headers: vec![("content-type".into(), "text/plain".into())],
            body: Some(Body {
                digest: Digest::of(body),
                size: body.len() as u64,
            }),
            targets: BTreeSet::from([target.to_owned()]),
        }
    }

    #[test]
    fn written_and_read_again_it_is_the_same_in_a_stable_order() {
        let a = exchange("http://a/", b"a", "web");
        let b = exchange("http://b/", b"b", "web");
        let one = Recording {
            exchanges: vec![b.clone(), a.clone()],
        };
        let other = Recording {
            exchanges: vec![a, b],
        };
        let json = one.to_json().unwrap();
        assert_eq!(json, other.to_json().unwrap());
        assert_eq!(Recording::from_json(&json).unwrap(), other);
    }

    #[test]
    fn unknown_fields_are_ignored_and_newer_formats_are_refused() {
        let read = Recording::from_json(br#"{"format":1,"later":{"x":1},"exchanges":[]}"#);
        assert_eq!(read.unwrap(), Recording::default());
        let newer = Recording::from_json(br#"{"format":2,"anything":[]}"#);
        assert!(matches!(newer, Err(Error::Newer { format: 2, .. })));
    }

    #[test]
    fn hostile_exchanges_are_refused() {
        let good = serde_json::to_value(exchange("http://a/", b"a", "web")).unwrap();
        let refused = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut bad = good.clone();
            change(&mut bad);
            let index = serde_json::json!({"format": 1, "exchanges": [bad]});
            Recording::from_json(&serde_json::to_vec(&index).unwrap()).unwrap_err()
        };
        refused(&|e| e["body"]["digest"] = "sha256:../../../../etc/passwd".into());
        refused(&|e| e["body"]["digest"] = format!("sha256:{}", "A".repeat(64)).into());
        refused(&|e| e["url"] = "file:///etc/passwd".into());
        refused(&|e| e["url"] = format!("http://a/{}", "x".repeat(70_000)).into());
        refused(&|e| e["status"] = 503.into());
        refused(&|e| e["status"] = 304.into());
        refused(&|e| e["method"] = "GET / HTTP/1.1\r\n".into());
        refused(&|e| e["headers"] = serde_json::json!([["x", "a\r\nset-cookie: b"]]));
        refused(&|e| e["headers"] = serde_json::json!([["a b", "c"]]));
        refused(&|e| e["headers"] = serde_json::json!(vec![["a", "c"]; 300]));
    }

    #[test]
    fn a_newer_recording_takes_the_place_of_the_older_for_its_targets() {
        let mut both = exchange("http://a/", b"old", "web");
        both.targets.insert("api".into());
        let mut all = Recording {
            exchanges: vec![both, exchange("http://b/", b"kept", "web")],
        };
        all.merge(Recording {
            exchanges: vec![exchange("http://a/", b"new", "web")],
        });
        let of = |url: &str, target: &str| {
            let mut found = all
                .exchanges
                .iter()
                .filter(|e| e.url == url && e.targets.contains(target));
            let one = found.next().unwrap().body.clone().unwrap().digest;
            assert!(found.next().is_none());
            one
        };
        assert_eq!(of("http://a/", "web"), Digest::of(b"new"));
        assert_eq!(of("http://a/", "api"), Digest::of(b"old"));
        assert_eq!(of("http://b/", "web"), Digest::of(b"kept"));
    }
}
