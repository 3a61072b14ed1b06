use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use offline_network::{Exchange, Recording};

use crate::bundle::{Located, Record, Wanted, locate, read_record};
use crate::layout::{Digest, Layout};

/// What the bundle holds that a request file speaks of, where it is at hand.
#[derive(Debug, Default)]
pub(in crate::export) struct Held {
    /// What the bundle says of itself.
    pub(super) record: Record,
    /// Who asked, by all that tells one exchange from another.
    exchanges: BTreeMap<String, BTreeSet<String>>,
    /// The bodies of its recordings.
    pub(super) bodies: BTreeSet<Digest>,
}

/// Why there is nothing to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotHeld {
    /// There is no bundle, or it cannot be read.
    Nowhere,
    /// There is one, exported at another time.
    Another(String),
}

impl Held {
    /// Looks where a build would look. What was added to the bundle since is left out
    /// of account: the site need not have it.
    pub(super) fn find(
        cache_dir: Option<&Path>,
        project: &Path,
        wanted: &Wanted,
    ) -> Result<Self, NotHeld> {
        let located = locate(None, cache_dir, project).map_err(|_| NotHeld::Nowhere)?;
        let record = match &located {
            Located::Directory(folder) => Record::read(folder),
            Located::Archive(archive) => read_record(archive),
        };
        let record = record.map_err(|_| NotHeld::Nowhere)?;
        if record.project != wanted.project {
            return Err(NotHeld::Nowhere);
        }
        if record.created != wanted.bundle.created {
            return Err(NotHeld::Another(record.created));
        }
        let mut held = Self::default();
        for network in record.network.iter().filter(|n| n.added.is_none()) {
            let contents = match &located {
                Located::Directory(folder) => {
                    let layout = Layout::open(folder).map_err(|_| NotHeld::Nowhere)?;
                    network.read(&layout)
                }
                Located::Archive(archive) => network.read_packed(archive),
            };
            let contents = contents.map_err(|_| NotHeld::Nowhere)?;
            held.add(&contents.recording);
        }
        held.record = record;
        Ok(held)
    }

    fn add(&mut self, recording: &Recording) {
        for exchange in &recording.exchanges {
            let targets = self.exchanges.entry(identity(exchange)).or_default();
            targets.extend(exchange.targets.iter().cloned());
        }
        let digests = recording.bodies().into_iter();
        self.bodies
            .extend(digests.filter_map(|b| b.digest.to_string().parse::<Digest>().ok()));
    }

    /// Takes out of a recording what the bundle answers in the same way, to the same
    /// services. Another answer stays: it is the newer one.
    pub(in crate::export) fn drop_from(&self, recording: &mut Recording) {
        recording.exchanges.retain(|exchange| {
            let known = self.exchanges.get(&identity(exchange));
            !known.is_some_and(|targets| exchange.targets.is_subset(targets))
        });
    }
}

/// What was asked and what came, but for headers, which have the time in them.
fn identity(exchange: &Exchange) -> String {
    let Exchange {
        method,
        url,
        varies,
        request_body,
        status,
        body,
        ..
    } = exchange;
    format!("{method} {url} {varies:?} {request_body:?} {status} {body:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(url: &str, etag: &str, target: &str) -> Exchange {
        Exchange {
            method: "GET".into(),
            url: url.into(),
            varies: BTreeMap::new(),
            request_body: None,
            status: 200,
            headers: vec![("etag".into(), etag.into())],
            body: None,
            targets: [target.to_owned()].into(),
        }
    }

    #[test]
    fn what_the_bundle_answers_in_the_same_way_is_left_out() {
        let mut held = Held::default();
        let mut moved = exchange("http://a/moved", "1", "web");
        held.add(&Recording {
            exchanges: vec![exchange("http://a/same", "1", "web"), moved.clone()],
        });
        moved.status = 301;
        let mut new = Recording {
            exchanges: vec![
                exchange("http://a/same", "2", "web"),
                exchange("http://a/same", "2", "api"),
                exchange("http://a/new", "1", "web"),
                moved,
            ],
        };
        held.drop_from(&mut new);
        let left: Vec<_> = new.exchanges.iter().map(|e| e.url.as_str()).collect();
        assert_eq!(left, ["http://a/same", "http://a/new", "http://a/moved"]);
    }
}
