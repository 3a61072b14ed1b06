//! Named volumes with their content: a model store, a seeded database.
//!
//! A container of our own program reads a volume as a tar, and writes one from it, so that
//! what is kept is the same as of files; no image of anybody else is needed for it.

mod engine;
mod inside;
mod restore;

use std::collections::BTreeMap;

use serde_json::json;

use super::{Declared, Error, Fetched, Kind, Origin, Planned, Restored, Site, layer};
use crate::bundle::Carried;
use crate::error::Failure;
use crate::layout::{Layout, Progress};
use crate::project::{MountSource, OfflineVolume, Project};
use engine::{Paused, Tail};

pub(super) use engine::{Helper, names};
pub(super) use inside::Found;
pub use inside::{INSIDE, inside};
pub(super) use restore::creation;

/// The kind.
#[derive(Debug)]
pub(super) struct Volumes;

const NAME: &str = "volumes";
const ARTIFACT: &str = "application/vnd.docker-offline.volume.v1+json";

impl Kind for Volumes {
    fn name(&self) -> &'static str {
        NAME
    }

    fn plan(&self, origin: &Origin<'_>) -> Result<Vec<Planned>, Failure> {
        let declared = declared(origin);
        if declared.is_empty() {
            return Ok(Vec::new());
        }
        let there = engine::names(origin.docker)?;
        let sizes = engine::sizes(origin.docker)?;
        let mut all = Vec::new();
        for (key, several) in declared {
            let first = several[0];
            let volume = &first.volume;
            if !there.contains(&volume.name) {
                return Err(Error::VolumeMissing {
                    name: volume.name.clone(),
                    location: first.location.clone(),
                }
                .into());
            }
            let of_project = several.iter().any(|one| one.service.is_none());
            let services = several.iter().filter_map(|one| one.service.clone());
            all.push(Planned {
                kind: NAME,
                name: key.to_owned(),
                from: format!("the volume {}", volume.name),
                size: sizes.get(&volume.name).and_then(|size| size.bytes),
                services: services.filter(|_| !of_project).collect(),
                location: first.location.clone(),
            });
        }
        Ok(all)
    }

    fn propose(&self, origin: &Origin<'_>) -> Result<Vec<String>, Failure> {
        let declared = declared(origin);
        let mut mounted = BTreeMap::new();
        for mount in &origin.project.offline.mounts {
            if let MountSource::Volume(volume) = &mount.source
                && !declared.contains_key(volume.key.as_str())
                && origin.services.contains(&mount.service)
            {
                mounted
                    .entry(volume.key.as_str())
                    .or_insert((mount, volume));
            }
        }
        if mounted.is_empty() {
            return Ok(Vec::new());
        }
        let there = engine::names(origin.docker)?;
        mounted.retain(|_, (_, volume)| there.contains(&volume.name));
        if mounted.is_empty() {
            return Ok(Vec::new());
        }
        let sizes = engine::sizes(origin.docker)?;
        let mut all = Vec::new();
        for (key, (mount, volume)) in mounted {
            let Some(size) = sizes.get(&volume.name).filter(|size| size.bytes != Some(0)) else {
                continue;
            };
            let at = mount.location.as_ref();
            let at = at.map_or_else(String::new, |l| format!("{l}: "));
            all.push(format!(
                "{at}service {} mounts the volume {key} ({}, {}), which holds data and is not carried; to carry it: x-offline: {{volumes: [{key}]}}",
                mount.service, volume.name, size.text
            ));
        }
        Ok(all)
    }

    fn fetch(
        &self,
        origin: &Origin<'_>,
        planned: &Planned,
        layout: &Layout,
        progress: Progress<'_>,
    ) -> Result<Fetched, Failure> {
        let several = declared(origin).remove(planned.name.as_str());
        let several = several.unwrap_or_default();
        let Some(first) = several.first() else {
            return Err(Error::VolumeMissing {
                name: planned.name.clone(),
                location: planned.location.clone(),
            }
            .into());
        };
        let name = &first.volume.name;
        let helper = Helper::new(origin.docker, origin.platform)?;
        let pause = several.iter().any(|one| one.pause);
        let paused = pause
            .then(|| Paused::those_with(origin.docker, name))
            .transpose()?;
        let stored = layer::store(origin.docker, layout, ARTIFACT, |mut out| {
            let bytes = helper.read(name, &mut |from| {
                let mut tail = Tail::new(from, progress);
                std::io::copy(&mut tail, &mut out).map_err(Error::io("write", layout.path()))?;
                tail.ended_well()
                    .ok_or_else(|| Error::VolumeCut { name: name.clone() })
            })?;
            Ok((bytes, out))
        })?;
        drop(paused);
        Ok(Fetched {
            new_bytes: stored.new_bytes,
            carried: Carried {
                kind: NAME.into(),
                name: planned.name.clone(),
                root: stored.root,
                size: stored.size,
                services: planned.services.clone(),
                detail: json!({"volume": name, "bytes": stored.given}),
            },
        })
    }

    fn declared(&self, project: &Project) -> Vec<Declared> {
        let all = project.offline.volumes.iter();
        all.map(|one| Declared {
            name: one.volume.key.clone(),
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
        let mut volumes = site.project.offline.volumes.iter();
        let Some(one) = volumes.find(|one| one.volume.key == carried.name) else {
            return Err(Error::VolumeMissing {
                name: carried.name.clone(),
                location: None,
            }
            .into());
        };
        let state = restore::Restoring {
            site,
            carried,
            volume: &one.volume,
        };
        Ok(Restored {
            kind: NAME.into(),
            name: carried.name.clone(),
            place: format!("the volume {}", one.volume.name),
            state: state.run(progress)?,
        })
    }
}

/// What is declared for this export, by the volume's key.
fn declared<'a>(origin: &Origin<'a>) -> BTreeMap<&'a str, Vec<&'a OfflineVolume>> {
    let mut all: BTreeMap<&str, Vec<&OfflineVolume>> = BTreeMap::new();
    for one in &origin.project.offline.volumes {
        if origin.wants(one.service.as_ref()) {
            all.entry(&one.volume.key).or_default().push(one);
        }
    }
    all
}
