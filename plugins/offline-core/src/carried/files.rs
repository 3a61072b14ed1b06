//! Files and folders of the machine that exports: drivers, certificates, models.

use std::path::Path;

use serde_json::json;

use super::place::{Counted, Placing};
use super::{
    Declared, Error, Fetched, Kind, Origin, Planned, Restored, Site, entries, layer, proposals,
    tree,
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
        for one in &origin.project.offline.files {
            if origin.wants(one.service.as_ref()) {
                check(one, origin.bundle)?;
            }
        }
        let wanted = entries::wanted::<OfflineFiles>(origin).into_values();
        let planned = wanted.map(|several| {
            let source = &several[0].source;
            let (from, size) = (source.display().to_string(), size(source));
            Planned::of(NAME, &several, from, Some(size))
        });
        Ok(planned.collect())
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
        let detail = json!({
            "entries": written.entries,
            "bytes": written.bytes,
            "leftOut": written.left_out.len(),
        });
        Ok(Fetched {
            new_bytes: stored.new_bytes,
            carried: planned.stored(stored.root, stored.size, detail),
        })
    }

    fn declared(&self, project: &Project) -> Vec<Declared> {
        entries::declared::<OfflineFiles>(project)
    }

    fn restore(
        &self,
        site: &Site<'_>,
        carried: &Carried,
        progress: Progress<'_>,
    ) -> Result<Restored, Failure> {
        let target = site.project.directory.join(&carried.name);
        let what = layer::what(carried);
        let layers = layer::all(site.layout, carried, ARTIFACT, 1)?;
        let open = || layer::tar(site, &layers[0].digest, &what);
        let placing = Placing {
            what: &what,
            target: &target,
            open: &open,
            counts: Counted::All,
        };
        let state = placing.run(site.replace.takes(&carried.name), progress)?;
        Ok(Restored::of(carried, target.display().to_string(), state))
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
