//! Puts a model into a store of the site, beside what is there.

use std::collections::BTreeMap;
use std::io::Read;

use super::super::place::{Counted, Placing, named};
use super::super::volumes::{Found, Helper, creation};
use super::super::{Site, State, layer};
use super::listing::{Listed, Listing, What};
use crate::bundle::Carried;
use crate::error::Failure;
use crate::layout::Progress;
use crate::project::{ModelStore, NamedVolume};

/// Puts it there; gives the place in words, and what became of it.
pub(super) fn put(
    site: &Site<'_>,
    carried: &Carried,
    listing: &Listing,
    target: &ModelStore,
    progress: Progress<'_>,
) -> Result<(String, State), Failure> {
    let replace = site.replace.takes(&carried.name);
    match target {
        ModelStore::Folder(folder) => {
            let target = site.project.directory.join(folder);
            let open = || {
                let tar = listing.tar(site.docker, site.layout, &|_| true);
                Ok(Box::new(tar) as Box<dyn Read>)
            };
            let placing = Placing {
                what: &layer::what(carried),
                target: &target,
                open: &open,
                counts: Counted::Content,
            };
            let state = placing.run(replace, progress)?;
            Ok((target.display().to_string(), state))
        }
        ModelStore::Volume(volume) => {
            let state = into_volume(site, listing, volume, replace, progress)?;
            Ok((format!("the volume {}", volume.name), state))
        }
    }
}

fn into_volume(
    site: &Site<'_>,
    listing: &Listing,
    volume: &NamedVolume,
    replace: bool,
    progress: Progress<'_>,
) -> Result<State, Failure> {
    let name = &volume.name;
    let helper = Helper::new(site.docker, site.platform)?;
    if !site.docker.volume_names()?.contains(name) {
        site.docker
            .output(creation(&site.project.name, volume, None))?;
    }
    let found = helper.list(name)?;
    let there: BTreeMap<&str, &Found> = found.iter().map(|one| (one.path.as_str(), one)).collect();
    let (mut differing, mut missing) = (Vec::new(), false);
    for one in &listing.files {
        match there.get(one.path.as_str()) {
            None => missing = true,
            Some(found) if is_same(one, found) => {}
            Some(_) => differing.push(format!("{}: its content differs", one.path)),
        }
    }
    if !differing.is_empty() && !replace {
        return Ok(State::Refused(format!(
            "the volume {name}: {}",
            named(differing)
        )));
    }
    if !missing && differing.is_empty() {
        return Ok(State::Kept);
    }
    let wanted = |one: &Listed| {
        !there
            .get(one.path.as_str())
            .is_some_and(|f| is_same(one, f))
    };
    let tar = listing.tar(site.docker, site.layout, &wanted);
    helper.add(name, tar, progress)?;
    Ok(State::Written)
}

/// By size, and small ones by content: large files are called after theirs.
fn is_same(one: &Listed, found: &Found) -> bool {
    match &one.what {
        What::Blob { digest, size } => {
            let content = found.sha256.as_ref().is_none_or(|sum| *sum == digest.hex());
            found.kind == 'f' && found.size == *size && content
        }
        What::Link(to) => found.kind == 'l' && found.link.as_ref() == Some(to),
    }
}
