//! What was recorded so far.

use std::collections::BTreeMap;

use std::io;
use std::net::IpAddr;
use std::os::unix::fs::FileExt;

use super::blobs::{Blobs, Partial};
use super::credentials;
use crate::log::Failure;
use crate::scrub::Scrubber;
use crate::{Body, Digest, Exchange, Recording};

/// What a request is, whoever made it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identity {
    pub(crate) url: String,
    pub(crate) method: String,
    pub(crate) request_body: Option<Digest>,
    /// Where the host is for who asked, if that is not where all others find it.
    pub(crate) at: Vec<IpAddr>,
}

#[derive(Debug, Default)]
pub(crate) struct Store {
    exchanges: BTreeMap<Identity, Vec<Exchange>>,
    failures: BTreeMap<Identity, Failure>,
}

impl Store {
    /// Adds an exchange. A target keeps one answer to each way of asking: a good
    /// one rather than a refusal, otherwise the later.
    pub(crate) fn add(&mut self, identity: Identity, exchange: Exchange) {
        self.failures.remove(&identity);
        let known = self.exchanges.entry(identity).or_default();
        let good = |e: &Exchange| e.status < 400;
        let mut exchange = exchange;
        for old in known.iter_mut() {
            if old.varies != exchange.varies || same_answer(old, &exchange) {
                continue;
            }
            if good(old) && !good(&exchange) {
                exchange.targets.retain(|t| !old.targets.contains(t));
            } else {
                old.targets.retain(|t| !exchange.targets.contains(t));
            }
        }
        known.retain(|old| !old.targets.is_empty());
        if exchange.targets.is_empty() {
            return;
        }
        match known.iter_mut().find(|old| same_answer(old, &exchange)) {
            Some(old) => old.targets.append(&mut exchange.targets),
            None => known.push(exchange),
        }
    }

    /// Somebody else asked for what is recorded already.
    pub(crate) fn add_target(
        &mut self,
        identity: &Identity,
        digest: Option<&Digest>,
        target: &str,
    ) {
        let known = self.exchanges.get_mut(identity).into_iter().flatten();
        for exchange in known {
            if exchange.body.as_ref().map(|b| &b.digest) == digest {
                exchange.targets.insert(target.to_owned());
            }
        }
    }

    /// Notes a failure, unless the same was got before.
    pub(crate) fn fail(&mut self, identity: Identity, failure: Failure) {
        if !self.exchanges.contains_key(&identity) {
            // The first to ask is named, with what happened last.
            self.failures
                .entry(identity)
                .and_modify(|known| {
                    known.cause = failure.cause;
                    known.words.clone_from(&failure.words);
                    known.time = failure.time;
                })
                .or_insert(failure);
        }
    }

    pub(crate) fn failure(&self, identity: &Identity) -> Option<Failure> {
        self.failures.get(identity).cloned()
    }

    pub(crate) fn failures(&self) -> Vec<Failure> {
        self.failures.values().cloned().collect()
    }

    pub(crate) fn recording(&self) -> Recording {
        let exchanges = self.exchanges.values().flatten().cloned().collect();
        let mut recording = Recording { exchanges };
        recording.sort();
        recording
    }
}

fn same_answer(one: &Exchange, other: &Exchange) -> bool {
    let told = |e: &Exchange, name| e.header(name).map(str::to_owned);
    one.status == other.status
        && one.body == other.body
        && ["content-type", "content-encoding", "location"]
            .iter()
            .all(|name| told(one, name) == told(other, name))
}

/// A body as it was written down.
pub(crate) struct Written {
    pub(crate) body: Option<Body>,
    /// Whether it is other than what came, as that held a credential.
    pub(crate) changed: bool,
}

/// Makes a blob of a body; a JSON answer without the credentials in it. Blocks.
pub(crate) fn write(partial: Partial, json: bool, blobs: &Blobs) -> io::Result<Written> {
    if json && partial.written <= credentials::LARGEST {
        let mut bytes = vec![0; usize::try_from(partial.written).unwrap_or_default()];
        partial.read.read_exact_at(&mut bytes, 0)?;
        if let Some(clean) = credentials::without(&bytes) {
            let mut other = blobs.partial()?;
            other.write(&clean, &Scrubber::default())?;
            return Ok(Written {
                body: other.keep(blobs)?,
                changed: true,
            });
        }
    }
    Ok(Written {
        body: partial.keep(blobs)?,
        changed: false,
    })
}
