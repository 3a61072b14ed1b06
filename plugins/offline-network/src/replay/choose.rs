//! Which recorded exchange answers a request.

use std::collections::HashMap;

use http::Method;
use http::header::{self, HeaderMap};
use url::Url;

use crate::changing::without_changing;
use crate::{Digest, Exchange, Recording, headers, query};

/// Recorded exchanges, findable by what they mean.
pub(crate) struct Index {
    exchanges: Vec<Exchange>,
    /// By the URL without what is volatile in it.
    places: HashMap<String, Vec<usize>>,
    /// Those with parts that look as if they were other ones each time, by the URL
    /// without these.
    changing: HashMap<String, Vec<usize>>,
}

/// What answers a request.
pub(crate) struct Found<'a> {
    pub(crate) exchange: &'a Exchange,
    /// Whether its URL differs in a part that changes each time.
    pub(crate) alike: bool,
}

/// What is asked for.
#[derive(Clone)]
pub(crate) struct Question<'a> {
    pub(crate) target: &'a str,
    pub(crate) method: &'a Method,
    /// As it is written down.
    pub(crate) url: &'a Url,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Option<Digest>,
}

/// Why nothing fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lacking {
    /// Nothing is recorded of this host.
    Host,
    /// The host is, the URL is not.
    Url,
    /// Only by another method.
    Method,
    /// Only for another body of the request.
    Body,
    /// Only in forms that the client does not take.
    Form,
    /// Several times under addresses that differ in what changes each time.
    Changing,
}

impl Lacking {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Host => "nothing was recorded from this host",
            Self::Url => "this address was not recorded",
            Self::Method => "it was recorded by another method only",
            Self::Body => "it was recorded for another query only",
            Self::Form => "it was recorded in a form only that this tool does not accept",
            Self::Changing => {
                "a part of this address is another one each time, and several recorded ones differ in nothing else: a second trip (--fetch) brings a further one and will not help; give that part a fixed value, or take it out of the address"
            }
        }
    }
}

impl Index {
    /// Of several recordings, later ones are preferred.
    pub(crate) fn new(recordings: Vec<Recording>) -> Self {
        let newest_first = recordings.into_iter().rev();
        let exchanges: Vec<_> = newest_first.flat_map(|r| r.exchanges).collect();
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        let mut changing: HashMap<String, Vec<usize>> = HashMap::new();
        for (number, exchange) in exchanges.iter().enumerate() {
            // Recordings are checked when read; one made by hand may hold anything.
            if let Ok(url) = Url::parse(&exchange.url) {
                places
                    .entry(query::key(&url, true))
                    .or_default()
                    .push(number);
                if let Some(key) = without_changing(&url) {
                    changing.entry(key).or_default().push(number);
                }
            }
        }
        Self {
            exchanges,
            places,
            changing,
        }
    }

    pub(crate) fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        self.exchanges.iter()
    }

    /// The exchange that answers best.
    pub(crate) fn find(&self, question: &Question<'_>) -> Result<Found<'_>, Lacking> {
        let place = query::key(question.url, true);
        let Some(numbers) = self.places.get(&place) else {
            if let Some(alike) = self.alike(question) {
                return alike;
            }
            let host = question.url.host_str();
            let known = self
                .exchanges
                .iter()
                .any(|e| Url::parse(&e.url).is_ok_and(|u| u.host_str() == host));
            return Err(if known { Lacking::Url } else { Lacking::Host });
        };
        let exact = query::key(question.url, false);
        let mut lacking = Lacking::Method;
        let mut best: Option<(Rank, &Exchange)> = None;
        for exchange in numbers.iter().map(|n| &self.exchanges[*n]) {
            match rank(exchange, question, &exact) {
                // The first of equals is of the newest recording.
                Ok(rank) if best.as_ref().is_none_or(|(b, _)| rank > *b) => {
                    best = Some((rank, exchange));
                }
                Ok(_) => (),
                Err(why) => lacking = later(lacking, why),
            }
        }
        let found = |(_, exchange)| Found {
            exchange,
            alike: false,
        };
        best.map(found).ok_or(lacking)
    }

    /// The one answer under an address that differs in nothing but what changes each
    /// time; of several, the one that this target was given.
    fn alike(&self, question: &Question<'_>) -> Option<Result<Found<'_>, Lacking>> {
        let numbers = self.changing.get(&without_changing(question.url)?)?;
        let exact = query::key(question.url, false);
        let mut fitting: Vec<(Rank, &Exchange)> = numbers
            .iter()
            .filter_map(|number| self.exchanges.get(*number))
            .filter_map(|e| Some((rank(e, question, &exact).ok()?, e)))
            .collect();
        if fitting.iter().any(|(rank, _)| rank.own) {
            fitting.retain(|(rank, _)| rank.own);
        }
        let (_, exchange) = fitting.iter().max_by(|(a, _), (b, _)| a.cmp(b))?;
        let answer = |e: &Exchange| {
            (
                e.status,
                e.body.clone(),
                e.header("location").map(str::to_owned),
            )
        };
        // Of one address there may be several forms; of several addresses, one answer.
        let same = fitting
            .iter()
            .all(|(_, e)| e.url == exchange.url || answer(e) == answer(exchange));
        Some(if same {
            Ok(Found {
                exchange,
                alike: true,
            })
        } else {
            Err(Lacking::Changing)
        })
    }
}

/// In the order of weight; the greatest wins.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    own: bool,
    /// 2 for success, 1 for a redirect.
    good: u8,
    git_protocol: bool,
    exact_url: bool,
    accept: u32,
    method: bool,
    coding: u32,
}

fn rank(exchange: &Exchange, question: &Question<'_>, exact: &str) -> Result<Rank, Lacking> {
    let same = exchange.method == question.method.as_str();
    let from_get = *question.method == Method::HEAD && exchange.method == "GET";
    if !same && !from_get {
        return Err(Lacking::Method);
    }
    if exchange.request_body != question.body {
        return Err(Lacking::Body);
    }
    let success = (200..300).contains(&exchange.status);
    let accept = accept(exchange, question.headers);
    // Refusals and redirects are taken in any form.
    if accept == 0 && success {
        return Err(Lacking::Form);
    }
    let protocol = |text: Option<&str>| {
        let version = text?.split(':').find(|p| p.starts_with("version="))?;
        Some(version.to_owned())
    };
    let recorded = protocol(exchange.varies.get("git-protocol").map(String::as_str));
    let asked = question.headers.get("git-protocol");
    let asked = protocol(asked.and_then(|v| v.to_str().ok()));
    // A server may answer with an older protocol than was asked for, never a newer.
    if recorded > asked {
        return Err(Lacking::Form);
    }
    let url = Url::parse(&exchange.url);
    Ok(Rank {
        own: exchange.targets.contains(question.target),
        good: match exchange.status {
            200..300 => 2,
            300..400 => 1,
            _ => 0,
        },
        git_protocol: recorded == asked,
        exact_url: url.is_ok_and(|u| query::key(&u, false) == exact),
        accept,
        method: same,
        coding: coding(exchange, question.headers),
    })
}

/// How well the form fits: 2000 if it was asked for in the same words, otherwise
/// how gladly the client takes it; 0 if not at all.
fn accept(exchange: &Exchange, asked: &HeaderMap) -> u32 {
    let accepted = headers::text(asked, &header::ACCEPT);
    let accepted = accepted.as_deref().filter(|a| a.trim() != "*/*");
    if accepted == exchange.varies.get("accept").map(String::as_str) {
        return 2000;
    }
    let quality = match exchange.header("content-type") {
        Some(media) => headers::media_quality(accepted, media),
        None => 1,
    };
    if quality > 0 {
        return quality;
    }
    // A server that does not look at Accept answers everyone alike.
    let vary = exchange.header("vary").unwrap_or_default().to_lowercase();
    let looks = vary.split(',').any(|v| matches!(v.trim(), "accept" | "*"));
    // One that answered something else than it was asked for does not look, either.
    let negotiated = exchange.varies.get("accept").is_some_and(|asked| {
        let media = exchange.header("content-type").unwrap_or_default();
        !asked.contains("*/*") && headers::media_quality(Some(asked), media) > 0
    });
    u32::from(!looks && !negotiated)
}

/// How well the coding fits; one that must be undone fits worst.
fn coding(exchange: &Exchange, asked: &HeaderMap) -> u32 {
    let accepted = headers::text(asked, &header::ACCEPT_ENCODING);
    match exchange.header("content-encoding") {
        Some(coding) => headers::coding_quality(accepted.as_deref(), coding),
        None => 1000,
    }
}

/// The reason that came nearer to an answer.
fn later(one: Lacking, other: Lacking) -> Lacking {
    let weight = |l: Lacking| match l {
        Lacking::Host => 0,
        Lacking::Url => 1,
        Lacking::Method => 2,
        Lacking::Body => 3,
        Lacking::Form => 4,
        Lacking::Changing => 5,
    };
    if weight(other) > weight(one) {
        other
    } else {
        one
    }
}
