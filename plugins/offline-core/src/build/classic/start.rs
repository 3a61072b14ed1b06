use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cut::{LoadImage, config, cut};
use crate::bundle::{Record, ServiceRecord};
use crate::closure::{BuildClosure, Closure, StageBase, StageClosure, StageRef};
use crate::error::Failure;
use crate::layout::{Digest, Layout, Manifest};
use crate::stages::{StepKeys, classic_reference};

/// Where the build of a stage goes on.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    /// What it starts from.
    pub(super) image: LoadImage,
    /// How many instructions that image has in it.
    pub(super) kept: usize,
    /// Whether it is the whole stage, with its settings.
    pub(super) whole: bool,
}

/// Finds where stages go on: after the last step that is as it was at the export.
pub(super) struct Starts<'a> {
    pub(super) layout: &'a Layout,
    pub(super) record: &'a Record,
    pub(super) closure: &'a Closure,
    pub(super) keys: &'a StepKeys,
}

impl Starts<'_> {
    /// The starts of a service's stages, by number. A stage without one is built
    /// from its own base.
    pub(super) fn of(
        &self,
        service: &str,
        build: &BuildClosure,
    ) -> Result<BTreeMap<usize, Start>, Failure> {
        let mut starts = BTreeMap::new();
        let Some(carried) = self.record.services.iter().find(|s| s.name == service) else {
            return Ok(starts);
        };
        for stage in &build.stages {
            if let Some(start) = self.of_stage(service, stage, carried)? {
                starts.insert(stage.index, start);
            }
        }
        Ok(starts)
    }

    fn of_stage(
        &self,
        service: &str,
        stage: &StageClosure,
        carried: &ServiceRecord,
    ) -> Result<Option<Start>, Failure> {
        let reference = StageRef {
            service: service.to_owned(),
            stage: stage.index,
        };
        let image = stage_image(carried, &stage.name);
        let (Some(now), Some(then), Some(image)) = (
            self.keys.get(&reference),
            carried.steps.get(&stage.name),
            image,
        ) else {
            return Ok(None);
        };
        let same = now.iter().zip(then).take_while(|(a, b)| a == b).count();
        // The first key is that of the FROM.
        let Some(kept) = same.checked_sub(1).filter(|kept| *kept > 0) else {
            return Ok(None);
        };
        let all = then.len() - 1;
        let name = classic_reference(&self.record.project, service, &stage.name);
        let whole = || -> Result<Option<Start>, Failure> {
            let image = LoadImage::whole(self.layout, name.clone(), &image)?;
            Ok(Some(Start {
                image,
                kept,
                whole: true,
            }))
        };
        if kept == all && now.len() == then.len() {
            return whole();
        }
        let cut = match self.base_config(service, stage)? {
            Some(base) => {
                let name = format!("{name}.{kept}");
                cut(self.layout, name, &image, &base, kept, all)?
            }
            None => None,
        };
        match cut {
            Some(image) => Ok(Some(Start {
                image,
                kept,
                whole: false,
            })),
            None if kept == all => whole(),
            None => Ok(None),
        }
    }

    /// The config of what a stage starts from, as it was at the export.
    fn base_config(&self, service: &str, stage: &StageClosure) -> Result<Option<Value>, Failure> {
        let (service, name) = match &stage.base {
            StageBase::Scratch => return Ok(Some(json!({}))),
            StageBase::Context(_) => return Ok(None),
            StageBase::Image(image) => {
                let image = image.to_string();
                let found = self.record.images.iter().find(|i| i.reference == image);
                return Ok(found.map(|i| config(self.layout, &i.config)).transpose()?);
            }
            StageBase::Stage(index) => (service, *index),
            StageBase::SiblingService(name) => {
                let build = self.closure.service(name).and_then(|s| s.build.as_ref());
                let Some(build) = build else { return Ok(None) };
                (name.as_str(), build.target_stage)
            }
        };
        let build = self.closure.service(service).and_then(|s| s.build.as_ref());
        let name = build.and_then(|b| b.stage(name)).map(|s| s.name.as_str());
        let carried = self.record.services.iter().find(|s| s.name == service);
        let found = carried.zip(name).and_then(|(c, n)| stage_image(c, n));
        let Some(manifest) = found else {
            return Ok(None);
        };
        let manifest: Manifest = self.layout.read_json_blob(&manifest)?;
        Ok(Some(config(self.layout, &manifest.config.digest)?))
    }
}

/// The manifest of a stage's image: as BuildKit built it, with one history entry an
/// instruction and one layer for each that makes one (engine fact 61); as the classic
/// builder did, in bundles that hold such images.
fn stage_image(service: &ServiceRecord, name: &str) -> Option<Digest> {
    let by_classic = service.classic.iter().flat_map(|c| &c.stages);
    let by_classic = by_classic.map(|s| (&s.name, s.manifest));
    let by_buildkit = service.stages.iter().map(|s| (&s.name, s.manifest));
    let mut all = by_classic.chain(by_buildkit);
    all.find(|(own, _)| *own == name)
        .map(|(_, manifest)| manifest)
}
