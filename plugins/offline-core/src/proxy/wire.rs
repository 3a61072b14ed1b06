//! What goes between this process and the program in the container: one line of JSON
//! for each question, and one for its answer. Both are the same program.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::SystemTime;

use offline_network::{Alike, Counts, Failure, Miss, Narrowed, Recorded, Request, Scrub, Upstream};
use serde::{Deserialize, Serialize};

/// What the program is told first.
#[derive(Serialize, Deserialize)]
pub(super) struct Settings {
    /// The authority, in PEM form.
    pub(super) certificate: String,
    pub(super) key: String,
    pub(super) scrub: Scrub,
    /// One port for each of these.
    pub(super) targets: Vec<String>,
    /// Where to listen; everywhere, if nothing is said.
    pub(super) address: Option<IpAddr>,
    pub(super) role: Role,
}

#[derive(Serialize, Deserialize)]
pub(super) enum Role {
    Record {
        upstream: Box<Upstream>,
        /// The authorities that the system has which the export runs on.
        system: String,
        /// What `--ca-file` holds.
        further: Option<String>,
    },
    Replay {
        /// How many recordings were copied in.
        recordings: usize,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Ask {
    Requests,
    Failures,
    Misses,
    Narrowed,
    Alike,
    Counts,
    /// To get what no build asked for.
    Fetch {
        target: String,
        method: String,
        url: String,
        accept: Option<String>,
    },
    /// To stop listening, and give what was recorded.
    Stop,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Told {
    /// The program runs; files can be copied in, and it waits for its settings.
    Runs,
    /// The proxy listens.
    Listens {
        ports: BTreeMap<String, u16>,
        /// The time there.
        now: SystemTime,
    },
    /// It cannot do what it is asked to, in words.
    Refused(String),
    Requests(Vec<Request>),
    Failures(Vec<Failure>),
    Misses(Vec<Miss>),
    Narrowed(Vec<Narrowed>),
    Alike(Vec<Alike>),
    Counts(Counts),
    Fetched,
    Recorded(Box<Recorded>),
}
