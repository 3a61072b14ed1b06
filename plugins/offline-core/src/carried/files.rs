//! Files and folders of the machine that exports: drivers, certificates, models.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde_json::json;

use super::place::{Counted, Placing};
use super::{
    Declared, Error, Fetched, Kind, Origin, Planned, Restored, Site, layer, proposals, tree,
};
use crate::bundle::Carried;
use crate::error::Failure;
use crate::layout::{Layout, Progress};
use crate::project::{OfflineFiles, Project};

/// The kind.
#[derive(Debug)]
pub(super) struct Files;

const NAME: &str = "files";
const ARTIFACT: &str = "application/vnd.docker-offline.files.v1+json";

impl Kind for Files {
    fn name(&self) -> &'static str {
        NAME
    }

    fn plan(&self, origin: &Origin<'_>) -> Result<Vec<Planned>, Failure> {
        let mut all: BTreeMap<&str, Planned> = BTreeMap::new();
        for one in &origin.project.offline.files {
            if !origin.wants(one.service.as_ref()) {
                continue;
            }
            check(one, origin.bundle)?;
            let planned = all.entry(&one.target).or_insert_with(|| Planned {
                kind: NAME,
                name: one.target.clone(),
                from: one.source.display().to_string(),
                size: Some(size(&one.source)),
                services: one.service.iter().cloned().collect(),
                location: one.location.clone(),
            });
            planned.wanted_by(one.service.as_ref());
        }
        Ok(all.into_values().collect())
    }

    fn propose(&self, origin: &Origin<'_>) -> Result<Vec<String>, Failure> {
        Ok(proposals::of(origin))
    }

    fn fetch(
        &self,
        origin: &Origin<'_>,
        planned: &Planned,
        layout: &Layout,
        progress: Progress<'_>,
    ) -> Result<Fetched, Failure> {
        let source = Path::new(&planned.from);
        let stored = layer::store(origin.docker, layout, ARTIFACT, |out| {
            Ok(tree::write(source, top(&planned.name), out, progress)?)
        })?;
        let written = stored.given;
        Ok(Fetched {
            new_bytes: stored.new_bytes,
            carried: Carried {
                kind: NAME.into(),
                name: planned.name.clone(),
                size: stored.size,
                root: stored.root,
                services: planned.services.clone(),
                detail: json!({
                    "entries": written.entries,
                    "bytes": written.bytes,
                    "leftOut": written.left_out.len(),
                }),
            },
        })
    }

    fn declared(&self, project: &Project) -> Vec<Declared> {
        let all = project.offline.files.iter();
        all.map(|one| Declared {
            name: one.target.clone(),
            service: one.service.clone(),
            location: one.location.clone(),
        })
        .collect()
    }

    fn restore(
        &self,
        site: &Site<'_>,
        carried: &Carried,
        progress: Progress<'_>,
    ) -> Result<Restored, Failure> {
        let target = site.project.directory.join(&carried.name);
        let what = layer::what(carried);
        let open = || {
            let stored = layer::open(site.docker, site.layout, carried, ARTIFACT)?;
            let decoded = layer::decoded(stored).map_err(Error::unreadable(&what))?;
            Ok(Box::new(decoded) as Box<dyn Read>)
        };
        let placing = Placing {
            what: &what,
            target: &target,
            open: &open,
            counts: Counted::All,
        };
        Ok(Restored {
            kind: NAME.into(),
            name: carried.name.clone(),
            place: target.display().to_string(),
            state: placing.run(site.replace.takes(&carried.name), progress)?,
        })
    }
}

/// The name of a tree's top entry: that of its target, so that a tar that is unpacked by
/// hand is what it is called.
fn top(target: &str) -> &str {
    target.rsplit('/').next().unwrap_or(target)
}

fn check(one: &OfflineFiles, bundle: &Path) -> Result<(), Error> {
    let Ok(real) = one.source.canonicalize() else {
        return Err(Error::FileMissing {
            path: one.source.clone(),
            location: one.location.clone(),
        });
    };
    let bundle = std::path::absolute(bundle).unwrap_or_else(|_| bundle.to_owned());
    if bundle.starts_with(&one.source) || bundle.starts_with(&real) {
        return Err(Error::HoldsBundle {
            path: one.source.clone(),
            bundle,
            location: one.location.clone(),
        });
    }
    Ok(())
}

/// Bytes of all files below a path, as far as they can be seen.
fn size(path: &Path) -> u64 {
    let mut sum = 0;
    let mut waiting = vec![path.canonicalize().unwrap_or_else(|_| path.to_owned())];
    while let Some(path) = waiting.pop() {
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => {
                let entries = path.read_dir().into_iter().flatten();
                waiting.extend(entries.filter_map(|e| Some(e.ok()?.path())));
            }
            Ok(metadata) if metadata.is_file() => sum += metadata.len(),
            _ => {}
        }
    }
    sum
}
