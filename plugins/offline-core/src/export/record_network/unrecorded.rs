//! Services that could not be recorded: the export goes on without them.

use offline_network::{Cause, Recorded, Request};

use super::attribute;
use super::plan::Group;
use super::session::Attempted;
use crate::bundle::Unrecorded;
use crate::error::Failure;
use crate::event::Warning;
use crate::export::Error;

/// The longest reason that is written into a bundle, in characters.
const LONGEST: usize = 600;

/// Whether an answer that a step got, or should have got, is not in the recording; what
/// no server answered, the steps did without.
pub(super) fn is_lost(failure: &offline_network::Failure) -> bool {
    let without = [Cause::Unreachable, Cause::Distrusted, Cause::NotRecordable];
    !without.contains(&failure.cause)
}

/// Whether a group asked for it, be it alone or together with others.
pub(super) fn concerns(
    failure: &offline_network::Failure,
    target: &str,
    requests: &[Request],
) -> bool {
    let same =
        |r: &Request| r.target == target && r.method == failure.method && r.url == failure.url;
    failure.target == target || requests.iter().any(same)
}

pub(super) fn words(failure: &offline_network::Failure) -> String {
    format!(
        "service {}: {} {}: {}",
        failure.target, failure.method, failure.url, failure.words
    )
}

/// Why a group is not recorded; `None` if it is.
pub(super) fn why(
    group: &Group<'_>,
    attempted: &Attempted<'_>,
    recorded: &Recorded,
) -> Option<Unrecorded> {
    let lost = lost(group, recorded);
    let (at, mut why) = match (&attempted.stopped, lost.first()) {
        (None, None) => return None,
        (Some(failure), _) => {
            let at = failure.source.as_ref();
            let not_got = not_got(group, recorded);
            let not_got = not_got.iter().map(|what| format!("; not got: {what}"));
            (
                at.map(|(file, line)| format!("{file}:{line}")),
                failure.message.clone() + &not_got.collect::<String>(),
            )
        }
        (None, Some(first)) => {
            let of = |r: &&Request| r.method == first.method && r.url == first.url;
            let request = recorded.requests.iter().rev().find(of);
            let service = group.services.first();
            let at = request.zip(service).and_then(|(request, service)| {
                let line = attribute::line_of(request.started, service, &attempted.ran)?;
                Some(service.build.location(line).to_string())
            });
            let all: Vec<String> = lost.iter().map(|lost| words(lost)).collect();
            (at, format!("not got: {}", all.join("; ")))
        }
    };
    if let Some((end, _)) = why.char_indices().nth(LONGEST) {
        why.truncate(end);
        why += " ...";
    }
    Some(Unrecorded { at, why })
}

/// The failure of an export that is to be whole; that of a full disk ends any.
pub(super) fn failure(
    groups: &[(Group<'_>, Attempted<'_>)],
    recorded: &Recorded,
    strict: bool,
) -> Option<Failure> {
    for (group, attempted) in groups {
        let Some(stopped) = &attempted.stopped else {
            continue;
        };
        if !strict && !stopped.is_full_disk() {
            continue;
        }
        let build = Error::RecordingBuild {
            services: group.names(),
            failure: stopped.clone(),
        };
        let failures = not_got(group, recorded);
        return Some(if failures.is_empty() {
            build.into()
        } else {
            let build = Box::new(build.into());
            Error::RecordingStopped { build, failures }.into()
        });
    }
    let disk = |f: &&offline_network::Failure| f.cause == Cause::Disk;
    let lost = recorded.failures.iter().filter(|f| is_lost(f));
    let lost: Vec<String> = lost.filter(|f| strict || disk(f)).map(words).collect();
    (!lost.is_empty()).then(|| Error::RecordingNotWhole { lost }.into())
}

fn lost<'a>(group: &Group<'_>, recorded: &'a Recorded) -> Vec<&'a offline_network::Failure> {
    let own = recorded.failures.iter();
    own.filter(|f| is_lost(f) && concerns(f, group.target(), &recorded.requests))
        .collect()
}

/// What the proxy could not get is the cause of what a step says.
fn not_got(group: &Group<'_>, recorded: &Recorded) -> Vec<String> {
    let own = recorded.failures.iter();
    own.filter(|f| concerns(f, group.target(), &recorded.requests))
        .map(words)
        .collect()
}

/// What is said of it when the export goes on.
pub(super) fn warning(services: &[String], one: &Unrecorded) -> Warning {
    Warning {
        what: format!(
            "what service {} fetches is not recorded: it failed twice; all else is",
            services.join(", ")
        ),
        subject: one.at.clone(),
        why: Some(one.why.clone()),
        remedy: Some("on the site, its network steps run only as long as they are cached. Where it does not get along with a proxy, see docs/network-recording.md; export again when a server failed: only this is recorded anew. With --strict it ends the export".into()),
    }
}
