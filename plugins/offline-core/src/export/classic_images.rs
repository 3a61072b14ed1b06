//! The classic builder's stage images in the layout.

use std::collections::BTreeMap;

use super::Error;
use super::classic_build::{ClassicBuilder, ClassicBuilt};
use super::images::{CarriedImage, known_layers};
use crate::bundle::{ClassicRecord, ClassicRefusal, ClassicStage, Record};
use crate::closure::{BuildClosure, StageBase, StageClosure, StageRef};
use crate::compatibility::Obstacle;
use crate::engine::LocalImage;
use crate::error::Failure;
use crate::event::{Event, Task, Warning, Work};
use crate::layout::{Digest, Layout, Manifest};

/// What the bundle holds for the classic builder, by service.
#[derive(Debug, Default)]
pub(super) struct ClassicImages {
    pub(super) services: BTreeMap<String, ClassicRecord>,
    pub(super) new_bytes: u64,
}

impl ClassicImages {
    /// How many stage images there are.
    pub(super) fn stages(&self) -> usize {
        self.services.values().map(|s| s.stages.len()).sum()
    }

    /// The services that it cannot build.
    pub(super) fn refused(&self) -> impl Iterator<Item = String> {
        let refused = self.services.iter().filter(|(_, s)| !s.refused.is_empty());
        refused.map(|(name, _)| name.clone())
    }
}

/// Manifest and config of an image in the layout.
type Held = (Digest, Digest);

impl ClassicBuilder<'_> {
    /// Copies the stage images that the layout does not hold yet from the engine.
    ///
    /// Their configs stay as the engine wrote them: history and layers are what the
    /// classic builder compares (engine fact 14). Layers of the base are those that
    /// the registry serves.
    pub(super) fn save(
        &self,
        built: &ClassicBuilt,
        layout: &Layout,
        bases: &[CarriedImage],
        previous: Option<&Record>,
    ) -> Result<ClassicImages, Failure> {
        let mut result = ClassicImages::default();
        for (service, obstacles) in &built.refused {
            result.services.insert(service.clone(), refused(obstacles));
        }
        let short: Vec<String> = built.stages.values().cloned().collect();
        let local = self.docker.local_images(&short)?;
        let mut held: BTreeMap<&StageRef, Held> = BTreeMap::new();
        let mut missing: BTreeMap<&StageRef, &LocalImage> = BTreeMap::new();
        for (stage, short) in &built.stages {
            let image = local.get(short).ok_or_else(|| lost(stage))?;
            if let Some(obstacle) = self.moved(stage, image, bases) {
                self.refuse(&stage.service, obstacle, &mut result);
                continue;
            }
            match base_itself(image, bases).or_else(|| in_layout(previous, layout, image)) {
                Some(found) => {
                    held.insert(stage, found);
                }
                None => {
                    missing.insert(stage, image);
                }
            }
        }
        let ids: Vec<String> = {
            let mut ids: Vec<String> = missing.values().map(|i| i.id.clone()).collect();
            ids.sort();
            ids.dedup();
            ids
        };
        if !ids.is_empty() {
            let task = Task::start(self.reporter, Work::SaveImages { images: ids.len() }, None);
            let platform = super::images::platform(&self.prepared.platform.to_string());
            let known = known_layers(bases);
            let saved = self.docker.save(&ids, |reader| {
                layout.import_save(reader, &platform, &known, &|bytes| task.advance(bytes))
            })??;
            for (stage, image) in missing {
                // The ID is the config's digest on a graphdriver store, the
                // manifest's on a containerd store.
                let found = saved.iter().find(|one| {
                    [one.config, one.manifest.digest]
                        .iter()
                        .any(|digest| digest.to_string() == image.id)
                });
                let found = found.ok_or_else(|| lost(stage))?;
                held.insert(stage, (found.manifest.digest, found.config));
            }
            result.new_bytes = saved.iter().map(|one| one.new_bytes).sum();
        }
        for service in &self.prepared.closure.services {
            let stages = service.build.iter().flat_map(|b| &b.stages);
            let stages: Vec<ClassicStage> = stages
                .filter_map(|stage| {
                    let key = StageRef {
                        service: service.name.clone(),
                        stage: stage.index,
                    };
                    let (manifest, config) = *held.get(&key)?;
                    Some(ClassicStage {
                        name: stage.name.clone(),
                        line: stage.line as usize,
                        manifest,
                        config,
                    })
                })
                .collect();
            if !stages.is_empty() && !result.services.contains_key(&service.name) {
                let record = ClassicRecord {
                    stages,
                    refused: Vec::new(),
                };
                result.services.insert(service.name.clone(), record);
            }
        }
        Ok(result)
    }

    /// Whether a stage was built upon another image than the one that is carried:
    /// its cache would not be found above that one.
    fn moved(
        &self,
        stage: &StageRef,
        image: &LocalImage,
        bases: &[CarriedImage],
    ) -> Option<Obstacle> {
        let build = self.build_of(&stage.service)?;
        let closure: &StageClosure = build.stage(stage.stage)?;
        let StageBase::Image(reference) = &closure.base else {
            return None;
        };
        let carried = bases
            .iter()
            .find(|b| b.needed.reference == *reference && b.needed.platform == closure.platform)?;
        let layers = image.root_fs.as_ref()?.layers.clone().unwrap_or_default();
        let wanted = carried
            .layers
            .iter()
            .map(|(diff_id, _)| diff_id.to_string());
        let same =
            wanted.clone().count() <= layers.len() && wanted.zip(&layers).all(|(a, b)| a == *b);
        (!same).then(|| Obstacle {
            line: closure.line + build.line_offset,
            what: format!(
                "{}, which the engine has otherwise than its registry",
                reference.familiar()
            ),
        })
    }

    fn refuse(&self, service: &str, obstacle: Obstacle, result: &mut ClassicImages) {
        let file = self.build_of(service).map(|b| b.dockerfile_path.display());
        self.reporter.event(Event::Warning(Warning {
            what: format!("service {service}: its cache for the classic builder is not carried"),
            subject: file.map(|file| format!("{file}:{}", obstacle.line)),
            why: Some(format!("it was built upon {}", obstacle.what)),
            remedy: Some("docker pull that image, then export again".into()),
        }));
        result
            .services
            .insert(service.to_owned(), refused(&[obstacle]));
    }

    fn build_of(&self, service: &str) -> Option<&BuildClosure> {
        self.prepared.closure.service(service)?.build.as_ref()
    }
}

fn refused(obstacles: &[Obstacle]) -> ClassicRecord {
    let refused = obstacles.iter().map(|obstacle| ClassicRefusal {
        line: obstacle.line as usize,
        what: obstacle.what.clone(),
    });
    ClassicRecord {
        stages: Vec::new(),
        refused: refused.collect(),
    }
}

fn lost(stage: &StageRef) -> Error {
    Error::StageLost {
        service: stage.service.clone(),
        stage: stage.stage.to_string(),
    }
}

/// A stage without a step is its base.
fn base_itself(image: &LocalImage, bases: &[CarriedImage]) -> Option<Held> {
    let base = bases.iter().find(|base| {
        [base.config, base.manifest.digest, base.root.digest]
            .iter()
            .any(|digest| digest.to_string() == image.id)
    })?;
    Some((base.manifest.digest, base.config))
}

/// The image as the previous export left it, all of it still in the layout.
fn in_layout(previous: Option<&Record>, layout: &Layout, image: &LocalImage) -> Option<Held> {
    let services = previous?.services.iter().filter_map(|s| s.classic.as_ref());
    let stage = services.flat_map(|c| &c.stages).find(|stage| {
        [stage.config, stage.manifest]
            .iter()
            .any(|digest| digest.to_string() == image.id)
    })?;
    let manifest: Manifest = layout.read_json_blob(&stage.manifest).ok()?;
    let blobs = manifest.layers.iter().chain([&manifest.config]);
    blobs
        .into_iter()
        .all(|b| layout.has_blob(&b.digest, Some(b.size)))
        .then_some((stage.manifest, stage.config))
}
