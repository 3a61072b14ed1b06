use std::path::Path;

use super::{CarriedContainer, Error};
use crate::closure::NeededImage;
use crate::engine::{Disk, Docker, own_image};
use crate::error::Failure;
use crate::event::{Reporter, Task, Work};
use crate::export::images::CarriedImage;
use crate::export::rewritten::rewritten;
use crate::layout::{KnownLayers, Layout};

/// The images that exist between a commit and its save.
const NAME: &str = "docker-offline.invalid/container";

/// The labels by which Compose knows a container, which are of no use on an image.
const OF_COMPOSE: &str = "com.docker.compose.";

/// Fails where the engine's disk or the bundle's has no room for these containers. An
/// engine's disk that is not of this machine is not looked at.
pub(in crate::export) fn check_room(
    containers: &[CarriedContainer],
    engine_root: &Path,
    bundle: &Path,
) -> Result<(), Error> {
    let whole = |one: &CarriedContainer| one.whole;
    let changed = |one: &CarriedContainer| one.changed;
    let disks = [
        (
            Disk::of_existing(engine_root),
            &changed as &dyn Fn(&_) -> u64,
        ),
        (Disk::of(bundle), &whole),
    ];
    for (disk, size) in disks {
        let Some(disk) = disk else { continue };
        let mut needed = 0;
        for one in containers {
            needed += size(one);
            if needed > disk.available {
                return Err(Error::NoRoom {
                    name: one.name.clone(),
                    needed,
                    free: disk.available,
                    folder: disk.path,
                });
            }
        }
    }
    Ok(())
}

/// An image of a container, which goes with this value, also after an interrupt.
struct Committed<'a> {
    docker: &'a Docker,
    image: String,
}

impl<'a> Committed<'a> {
    /// Commits a container, paused meanwhile. Images that killed runs have left are
    /// taken away.
    fn of(docker: &'a Docker, container: &str) -> Result<Self, Failure> {
        for left in own_image::all_as(docker, NAME)? {
            let run = left.rsplit_once(':').map_or("", |(_, pid)| pid);
            if !Path::new("/proc").join(run).exists() {
                own_image::remove(docker, &left);
            }
        }
        let committed = Self {
            docker,
            image: format!("{NAME}:{}", std::process::id()),
        };
        docker.output(["container", "commit", "--", container, &committed.image])?;
        Ok(committed)
    }
}

impl Drop for Committed<'_> {
    fn drop(&mut self) {
        own_image::remove(self.docker, &self.image);
    }
}

/// Puts a container into the layout as the image that is asked for.
pub(in crate::export) fn fetch(
    docker: &Docker,
    container: &CarriedContainer,
    needed: &NeededImage,
    layout: &Layout,
    known: &KnownLayers,
    reporter: &dyn Reporter,
) -> Result<CarriedImage, Failure> {
    let work = Work::Carry {
        kind: super::KIND,
        name: container.name.clone(),
    };
    let task = Task::start(reporter, work, None);
    let committed = Committed::of(docker, &container.name)?;
    let platform = crate::layout::Platform::of(&needed.platform);
    let saved = docker.save(std::slice::from_ref(&committed.image), |reader| {
        layout.import_save(reader, &platform, known, &|bytes| task.advance(bytes))
    })??;
    drop(committed);
    docker.check_interrupt()?;
    let image = saved.into_iter().next().ok_or_else(|| Error::Lost {
        name: container.name.clone(),
    })?;
    let made = rewritten(layout, &image.manifest.digest, |config| {
        if let Some(labels) = config["config"]["Labels"].as_object_mut() {
            labels.retain(|label, _| !label.starts_with(OF_COMPOSE));
        }
    })?;
    let layers = layout.diff_ids(&made.config)?;
    let layers = layers.into_iter().zip(image.layers).collect();
    Ok(CarriedImage {
        needed: needed.clone(),
        root: made.manifest.clone(),
        manifest: made.manifest,
        config: made.config,
        layers,
        new_bytes: image.new_bytes + made.new_bytes,
        container: Some(container.name.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::ImageReference;

    #[test]
    fn a_container_that_no_disk_can_hold_is_refused_before_anything() {
        let folder = tempfile::tempdir().unwrap();
        let one = |changed, whole| CarriedContainer {
            name: "box".into(),
            image: ImageReference::parse("a").unwrap(),
            services: [].into(),
            location: None,
            changed,
            whole,
            left: Vec::new(),
        };
        let here = folder.path();
        let elsewhere = Path::new("/not/of/this/machine");
        let room = |all: &[CarriedContainer], engine| check_room(all, engine, folder.path());
        assert!(room(&[one(1, 1)], here).is_ok());
        let most = u64::MAX / 2;
        for (all, engine, fits) in [
            (vec![one(most, 1)], here, false),
            (vec![one(most, 1)], elsewhere, true),
            (vec![one(1, most)], elsewhere, false),
            (vec![one(1, 1), one(1, most)], here, false),
        ] {
            let room = room(&all, engine);
            assert_eq!(room.is_ok(), fits, "{room:?}");
        }
    }
}
