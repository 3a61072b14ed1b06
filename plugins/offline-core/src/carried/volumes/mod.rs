//! Named volumes with their content: a model store, a seeded database.
//!
//! A container of our own program reads a volume as a tar, and writes one from it, so that
//! what is kept is the same as of files; no image of anybody else is needed for it.

mod engine;
mod inside;
mod restore;

use std::collections::BTreeMap;

use serde_json::json;

use super::{Declared, Error, Fetched, Kind, Origin, Planned, Restored, Site, entries, layer};
use crate::bundle::Carried;
use crate::error::Failure;
use crate::layout::{Layout, Progress};
use crate::project::{MountSource, OfflineVolume, Project};
use engine::{Paused, Tail};

pub(super) use engine::Helper;
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
        let declared = entries::wanted::<OfflineVolume>(origin);
        if declared.is_empty() {
            return Ok(Vec::new());
        }
        let there = origin.docker.volume_names()?;
        let sizes = engine::sizes(origin.docker)?;
        let mut all = Vec::new();
        for several in declared.into_values() {
            let first = several[0];
            let volume = &first.volume;
            if !there.contains(&volume.name) {
                return Err(Error::VolumeMissing {
                    name: volume.name.clone(),
                    location: first.location.clone(),
                }
                .into());
            }
            let from = format!("the volume {}", volume.name);
            let size = sizes.get(&volume.name).and_then(|size| size.bytes);
            all.push(Planned::of(NAME, &several, from, size));
        }
        Ok(all)
    }

    fn propose(&self, origin: &Origin<'_>) -> Result<Vec<String>, Failure> {
        let declared = entries::wanted::<OfflineVolume>(origin);
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
        let there = origin.docker.volume_names()?;
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
        let several = entries::wanted::<OfflineVolume>(origin).remove(&planned.name);
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
        let detail = json!({"volume": name, "bytes": stored.given});
        Ok(Fetched {
            new_bytes: stored.new_bytes,
            carried: planned.stored(stored.root, stored.size, detail),
        })
    }

    fn declared(&self, project: &Project) -> Vec<Declared> {
        entries::declared::<OfflineVolume>(project)
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
        let restoring = restore::Restoring {
            site,
            carried,
            volume: &one.volume,
        };
        let place = format!("the volume {}", one.volume.name);
        Ok(Restored::of(carried, place, restoring.run(progress)?))
    }
}
