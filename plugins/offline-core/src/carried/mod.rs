//! What is carried besides images and caches: one file or folder for each kind.
//!
//! ```text
//! x-offline -> plan -> fetch -> an artifact of the layout, and a line of bundle.json
//!                                          |  (the air gap)
//!                              restore -> where the project expects it
//! ```
//!
//! Nobody outside knows the kinds: the journeys, the sizes and the words go through
//! [`KINDS`] and the list in `bundle.json`.

mod ahead;
mod downloads;
mod entries;
mod error;
mod files;
mod git;
mod kind;
mod layer;
mod marks;
mod models;
mod place;
mod proposals;
mod source;
mod tools;
mod tree;
mod volumes;
mod web;

use std::path::Path;

use crate::bundle::{Carried, Record};
use crate::error::Failure;
use crate::event::{Event, Reporter, Task, Warning, Work};
use crate::layout::Layout;
use crate::project::Location;

pub use ahead::{Ahead, Listed};
pub use error::Error;
pub use kind::{Declared, Fetched, Kind, Origin, Planned, Replace, Restored, Site, State};
pub use place::printable;
pub use source::{Looking, Source, UnpackedSource, unpack as unpack_source};
pub use tools::{InstalledTool, ToolState, Tools, install as install_tools};
pub use volumes::{INSIDE, inside};
pub use web::Reach;

/// Every kind, in the order in which they are carried and restored.
pub static KINDS: &[&dyn Kind] = &[
    &downloads::Downloads,
    &git::Repositories,
    &models::Models,
    &files::Files,
    &volumes::Volumes,
    &source::Sources,
    &tools::Plugins,
];

/// The kind of this name; `None` for one of a later version.
pub fn kind(name: &str) -> Option<&'static dyn Kind> {
    KINDS.iter().copied().find(|kind| kind.name() == name)
}

/// What an export would carry. Asks, and changes nothing.
pub fn plan(origin: &Origin<'_>) -> Result<Vec<Planned>, Failure> {
    let mut all = Vec::new();
    for kind in KINDS {
        all.extend(kind.plan(origin)?);
    }
    Ok(all)
}

/// What could be carried and is not declared.
pub fn propose(origin: &Origin<'_>) -> Result<Vec<String>, Failure> {
    let mut all = Vec::new();
    for kind in KINDS {
        all.extend(kind.propose(origin)?);
    }
    Ok(all)
}

/// Puts what was planned into the layout, in its order: what is fetched before the builds,
/// or what is read after them.
pub fn fetch(
    origin: &Origin<'_>,
    planned: &[Planned],
    first: bool,
    layout: &Layout,
) -> Result<Vec<Fetched>, Failure> {
    let mut all = Vec::new();
    for one in planned {
        let Some(kind) = kind(one.kind).filter(|kind| kind.comes_first() == first) else {
            continue;
        };
        let work = Work::Carry {
            kind: one.kind,
            name: one.name.clone(),
        };
        let task = Task::start(origin.reporter, work, one.size);
        origin.docker.check_interrupt()?;
        let fetched = kind.fetch(origin, one, layout, &|bytes| task.advance(bytes));
        // What an interrupt has broken is not its reason.
        origin.docker.check_interrupt()?;
        all.push(fetched?);
    }
    Ok(all)
}

/// Puts what a bundle carries, and the project on site declares, where the project
/// expects it. What is refused is said in what comes back, and keeps nothing else.
pub fn restore(
    site: &Site<'_>,
    record: &Record,
    reporter: &dyn Reporter,
) -> Result<Vec<Restored>, Failure> {
    let mut all = Vec::new();
    for kind in KINDS.iter().copied() {
        let mut wanted = kind.declared(site.project);
        wanted.retain(|one| one.service.as_ref().is_none_or(|s| site.has(s)));
        for one in record.carried.iter().filter(|one| one.kind == kind.name()) {
            let asked = wanted.len();
            wanted.retain(|declared| declared.name != one.name);
            if wanted.len() == asked {
                continue;
            }
            let work = Work::Restore {
                kind: kind.name(),
                name: one.name.clone(),
            };
            let task = Task::start(reporter, work, Some(one.size));
            site.docker.check_interrupt()?;
            let restored = kind.restore(site, one, &|bytes| task.advance(bytes));
            // What an interrupt has broken is not its reason.
            site.docker.check_interrupt()?;
            all.push(restored?);
        }
        for one in wanted {
            reporter.event(Event::Warning(not_carried(kind, &one)));
        }
    }
    Ok(all)
}

/// What an earlier export has put into a bundle under this name, if its blobs are there.
fn kept(bundle: &Path, kind: &str, name: &str, artifact_type: &str) -> Option<Carried> {
    let record = Record::read(bundle).ok()?;
    let layout = Layout::open(bundle).ok()?;
    let mut carried = record.carried.into_iter();
    let one = carried.find(|one| one.kind == kind && one.name == name)?;
    let layers = layout.read_artifact(&one.root.digest, artifact_type).ok()?;
    let whole = layers
        .iter()
        .all(|blob| layout.has_blob(&blob.digest, Some(blob.size)));
    whole.then_some(one)
}

/// A line, for the beginning of a sentence.
fn place_of(location: Option<&Location>) -> String {
    location.map_or_else(String::new, |l| format!("{l}: "))
}

/// What a project declares and a bundle does not hold.
fn not_carried(kind: &dyn Kind, one: &Declared) -> Warning {
    Warning {
        what: format!("the bundle does not hold {} {}", kind.name(), one.name),
        subject: one.location.as_ref().map(ToString::to_string),
        why: Some(
            "it was declared after the export, or for a service that was not exported".into(),
        ),
        remedy: Some("export again with these sources, or put it there by other means".into()),
    }
}

/// The failure of what was refused; `None` where all is in its place.
pub fn failure(restored: &[Restored]) -> Option<Failure> {
    let refused: Vec<String> = restored.iter().filter_map(Restored::refusal).collect();
    (!refused.is_empty()).then(|| Error::Differs { refused }.into())
}
