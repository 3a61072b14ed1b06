//! Files and folders of the machine that exports: drivers, certificates, models.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::tree::{self, Choice};
use super::{
    Declared, Error, Fetched, Kind, Origin, Planned, Restored, Site, State, layer, proposals,
};
use crate::bundle::Carried;
use crate::engine::Docker;
use crate::error::Failure;
use crate::layout::{Layout, Progress};
use crate::project::{OfflineFiles, Project};

/// The kind.
#[derive(Debug)]
pub(super) struct Files;

const NAME: &str = "files";
const ARTIFACT: &str = "application/vnd.docker-offline.files.v1+json";

/// How many differences are named, of any number.
const NAMED: usize = 5;

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
            match &one.service {
                Some(service) if !planned.services.is_empty() => {
                    planned.services.insert(service.clone());
                }
                Some(_) => {}
                None => planned.services.clear(),
            }
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
        let laid = Laid {
            docker: site.docker,
            layout: site.layout,
            carried,
            target: &target,
            what: layer::what(carried),
            // Nobody else can give files away.
            root: rustix::process::geteuid().is_root(),
        };
        Ok(Restored {
            kind: NAME.into(),
            name: carried.name.clone(),
            place: target.display().to_string(),
            state: laid.restore(site.replace.takes(&carried.name), progress)?,
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

/// One tree on its way to its target.
struct Laid<'a> {
    docker: &'a Docker,
    layout: &'a Layout,
    carried: &'a Carried,
    target: &'a Path,
    what: String,
    root: bool,
}

impl Laid<'_> {
    fn restore(&self, replace: bool, progress: Progress<'_>) -> Result<State, Failure> {
        if self.target.symlink_metadata().is_err() {
            self.anew(progress)?;
            return Ok(State::Written);
        }
        let mut tar = self.open()?;
        let found = tree::compare(&mut tar, &self.what, self.target, self.root)?;
        if !found.differing.is_empty() && !replace {
            return Ok(State::Refused(self.differences(&found.differing)));
        }
        let mut wanted = found.missing;
        wanted.extend(found.differing.into_iter().map(|(path, _)| path));
        if wanted.is_empty() {
            return Ok(State::Kept);
        }
        let mut tar = self.open()?;
        let these = Choice::These(&wanted);
        tree::lay(
            &mut tar,
            &self.what,
            self.target,
            &these,
            self.root,
            progress,
        )?;
        Ok(State::Written)
    }

    /// Where nothing is: all of it beside the target, which is then there at once.
    fn anew(&self, progress: Progress<'_>) -> Result<(), Failure> {
        let folder = self.target.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder).map_err(Error::io("make", folder))?;
        let beside = tempfile::Builder::new()
            .prefix(".docker-offline-")
            .tempdir_in(folder)
            .map_err(Error::io("write into", folder))?;
        let new = beside.path().join("new");
        let mut tar = self.open()?;
        tree::lay(
            &mut tar,
            &self.what,
            &new,
            &Choice::All,
            self.root,
            progress,
        )?;
        fs::rename(&new, self.target).map_err(Error::io("write", self.target))?;
        Ok(())
    }

    fn open(&self) -> Result<impl Read + use<>, Failure> {
        let stored = layer::open(self.docker, self.layout, self.carried, ARTIFACT)?;
        Ok(layer::decoded(stored).map_err(|source| Error::Unreadable {
            what: self.what.clone(),
            source,
        })?)
    }

    fn differences(&self, all: &[(PathBuf, &'static str)]) -> String {
        let named = all.iter().take(NAMED).map(|(path, why)| {
            let place = self.target.join(path);
            let place = if path.as_os_str().is_empty() {
                self.target.to_string_lossy()
            } else {
                place.to_string_lossy()
            };
            let plain: String = place
                .chars()
                .map(|c| if c.is_control() { '?' } else { c })
                .collect();
            format!("{plain}: {why}")
        });
        let mut words: Vec<String> = named.collect();
        if all.len() > NAMED {
            words.push(format!("and {} more", all.len() - NAMED));
        }
        words.join(", ")
    }
}
