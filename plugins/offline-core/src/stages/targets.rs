use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Dockerfiles, Through};
use crate::closure::{BuildClosure, Closure, StageRef};
use crate::engine::BakeFile;
use crate::project::{BakeIdentity, NamedContext, Project};
use crate::reference::ImageReference;

/// What no cache key of a step depends on, and a stage build decides itself.
const NOT_IN_KEYS: [&str; 9] = [
    "tags",
    "labels",
    "cache-from",
    "cache-to",
    "no-cache",
    "no-cache-filter",
    "pull",
    "output",
    "attest",
];

/// Makes bake targets for stages.
#[derive(Debug, Clone, Copy)]
pub struct StageTargets<'a> {
    /// The project.
    pub project: &'a Project,
    /// Its closure.
    pub closure: &'a Closure,
    /// The copies with all stages named.
    pub dockerfiles: &'a Dockerfiles,
    /// Named contexts that every build gets besides its own: on a graphdriver
    /// site, digest pins and the tags they were loaded under (engine fact 10).
    pub pins: &'a BTreeMap<String, String>,
    /// The services whose builds go through a proxy.
    pub through: &'a BTreeMap<String, Through>,
    /// Whether a service that another one names as its base is built with it, and not
    /// looked for under its name.
    pub with_siblings: bool,
}

impl StageTargets<'_> {
    /// The bake target's name for a stage; bake allows `[a-zA-Z0-9_-]` only.
    pub fn name(&self, stage: &StageRef) -> String {
        let number = self
            .closure
            .services
            .iter()
            .position(|s| s.name == stage.service);
        let readable: String = stage
            .service
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        format!("{readable}_{}_{}", number.unwrap_or_default(), stage.stage)
    }

    /// Adds the build of one stage to a bake file, `with` what the caller wants
    /// of it (`tags`, `output`, `cache-from`, ...). Services that it takes as
    /// named contexts are added as definitions.
    pub fn add(&self, file: &mut BakeFile, stage: &StageRef, with: Map<String, Value>) {
        let Some(mut target) = self.target(file, stage) else {
            return;
        };
        target.extend(with);
        file.build(self.name(stage), Value::Object(target));
    }

    fn target(&self, file: &mut BakeFile, stage: &StageRef) -> Option<Map<String, Value>> {
        let build = self.build_of(&stage.service)?;
        let service = self.project.service(&stage.service)?;
        let source = service.build.as_ref()?;
        let identity = BakeIdentity {
            project: &self.project.name,
            service: &service.name,
            image: "",
            compose_version: None,
        };
        let definition = source.bake_target(&identity, |name| self.final_name(name));
        let Value::Object(mut target) = definition else {
            return None;
        };
        for key in NOT_IN_KEYS {
            target.remove(key);
        }
        target.remove("dockerfile-inline");
        target.insert(
            "dockerfile".into(),
            json!(self.dockerfiles.of(&stage.service)?),
        );
        if let Some(through) = self.through.get(&stage.service) {
            through.apply(&mut target);
        }
        target.insert("target".into(), json!(build.stage(stage.stage)?.name));
        target.insert("attest".into(), json!(["type=provenance,disabled=true"]));
        // Of several platforms a site runs one, its own; a cache is carried for it.
        if source.platforms.len() > 1 {
            target.insert("platforms".into(), json!([build.platform]));
        }
        if !self.pins.is_empty() {
            let contexts = target.entry("contexts").or_insert_with(|| json!({}));
            if let Value::Object(contexts) = contexts {
                for (name, image) in self.pins {
                    contexts.entry(name.clone()).or_insert_with(|| json!(image));
                }
            }
        }
        if self.with_siblings {
            let siblings = build.stages.iter().flat_map(|s| &s.sibling_services);
            for sibling in siblings.collect::<BTreeSet<_>>() {
                self.add_sibling(file, &mut target, sibling)?;
            }
        }
        for context in source.additional_contexts.values() {
            if let NamedContext::Service(name) = context {
                let sibling = self.final_stage(name)?;
                let definition = self.target(file, &sibling)?;
                let name = format!("{}_context", self.name(&sibling));
                file.define(name, Value::Object(definition));
            }
        }
        Some(target)
    }

    /// Makes another service's build what a target finds under the names of its image.
    fn add_sibling(
        &self,
        file: &mut BakeFile,
        target: &mut Map<String, Value>,
        sibling: &str,
    ) -> Option<()> {
        let stage = self.final_stage(sibling)?;
        let definition = self.target(file, &stage)?;
        let name = format!("{}_context", self.name(&stage));
        let service = self.project.service(sibling)?;
        let tags = service.build.iter().flat_map(|b| &b.tags);
        let tags = tags.filter_map(|t| ImageReference::parse(t).ok());
        let contexts = target.entry("contexts").or_insert_with(|| json!({}));
        if let Value::Object(contexts) = contexts {
            for image in service.image.iter().cloned().chain(tags) {
                contexts.insert(image.context_name(), json!(format!("target:{name}")));
            }
        }
        file.define(name, Value::Object(definition));
        Some(())
    }

    /// The name of the target that makes a service's image.
    pub fn image_name(&self, service: &str) -> String {
        self.final_stage(service).map_or_else(
            || service.to_owned(),
            |s| format!("{}_image", self.name(&s)),
        )
    }

    /// Adds the build of a service's image, with the tags and labels that Compose
    /// gives it, without what would go out or leave the cache aside.
    pub fn add_image(&self, file: &mut BakeFile, service: &str, compose_version: Option<&str>) {
        let Some(mut target) = self
            .final_stage(service)
            .and_then(|s| self.target(file, &s))
        else {
            return;
        };
        let source = self.project.service(service);
        let image = self.closure.service(service).map(|s| &s.image);
        let (Some(build), Some(image)) = (source.and_then(|s| s.build.as_ref()), image) else {
            return;
        };
        let identity = BakeIdentity {
            project: &self.project.name,
            service,
            image,
            compose_version,
        };
        let definition = build.bake_target(&identity, |name| self.final_name(name));
        for key in ["tags", "labels", "attest"] {
            match definition.get(key) {
                Some(value) => target.insert(key.into(), value.clone()),
                None => target.remove(key),
            };
        }
        target.insert("output".into(), json!(["type=docker"]));
        file.build(self.image_name(service), Value::Object(target));
    }

    /// The targets that stand for services as contexts of others, with the services.
    pub fn contexts(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let services = self.closure.services.iter().map(|s| &s.name);
        services.map(|name| (self.final_name(name), name.clone()))
    }

    fn final_name(&self, service: &str) -> String {
        self.final_stage(service).map_or_else(
            || service.to_owned(),
            |s| format!("{}_context", self.name(&s)),
        )
    }

    /// The stage that a service's image is made of.
    pub fn final_stage(&self, service: &str) -> Option<StageRef> {
        Some(StageRef {
            service: service.to_owned(),
            stage: self.build_of(service)?.target_stage,
        })
    }

    fn build_of(&self, service: &str) -> Option<&BuildClosure> {
        self.closure.service(service)?.build.as_ref()
    }
}
