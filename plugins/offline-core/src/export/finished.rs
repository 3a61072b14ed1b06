//! The images of services as `docker compose build` makes them.
//!
//! A service's image has the layers of its last stage, which a bundle holds as that
//! stage's image. What differs is the configuration: it has no cache records, and it has
//! the labels that Compose gives. So a finished image costs a manifest and a
//! configuration, a few KB.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Prepared;
use super::images::{CarriedImage, size};
use super::rewritten::rewritten;
use super::stage_images::StageImage;
use crate::bundle::FinishedRecord;
use crate::closure::ServiceClosure;
use crate::error::Failure;
use crate::layout::Layout;
use crate::project::BakeIdentity;
use crate::stages::CACHE_RECORDS;

/// Finished images, and what they cost.
#[derive(Debug, Default)]
pub(super) struct Finished {
    pub(super) records: Vec<FinishedRecord>,
    /// Bytes that the layout did not hold before.
    pub(super) new_bytes: u64,
}

/// Makes the finished image of every service whose last stage is carried. A name that
/// a registry's image of this bundle has is that one's.
pub(super) fn finish(
    layout: &Layout,
    prepared: &Prepared,
    images: &[CarriedImage],
    stages: &[StageImage],
) -> Result<Finished, Failure> {
    let mut finished = Finished::default();
    let mut all: BTreeMap<String, FinishedRecord> = BTreeMap::new();
    for service in &prepared.closure.services {
        let taken = images
            .iter()
            .any(|image| image.needed.reference.to_string() == service.image);
        let (Some(build), false) = (&service.build, taken) else {
            continue;
        };
        let last = stages
            .iter()
            .find(|s| s.stage.service == service.name && s.stage.stage == build.target_stage);
        let Some(last) = last else { continue };
        // Several services of one name are one image for Compose, too.
        if let Some(same) = all.get_mut(&service.image) {
            same.services.insert(service.name.clone());
            continue;
        }
        let labels = labels(prepared, service);
        let made = rewritten(layout, &last.manifest, |config| {
            finish_config(config, &labels);
        })?;
        finished.new_bytes += made.new_bytes;
        let record = FinishedRecord {
            reference: service.image.clone(),
            platform: build.platform.clone(),
            services: [service.name.clone()].into(),
            manifest: made.manifest.digest,
            config: made.config,
            size: size(layout, &made.manifest),
            more: BTreeMap::new(),
        };
        all.insert(service.image.clone(), record);
    }
    finished.records = all.into_values().collect();
    Ok(finished)
}

/// The labels that Compose gives the image of a service.
fn labels(prepared: &Prepared, service: &ServiceClosure) -> Value {
    let found = prepared.project.service(&service.name);
    let Some(build) = found.and_then(|s| s.build.as_ref()) else {
        return Value::Null;
    };
    let identity = BakeIdentity {
        project: &prepared.project.name,
        service: &service.name,
        image: &service.image,
        compose_version: prepared.engine.compose.as_deref(),
    };
    json!(build.image_labels(&identity))
}

/// A stage's configuration without its cache, and with labels: those given win over
/// those that the Dockerfile sets, as in a build.
fn finish_config(config: &mut Value, labels: &Value) {
    let Some(fields) = config.as_object_mut() else {
        return;
    };
    fields.remove(CACHE_RECORDS);
    let settings = fields.entry("config").or_insert_with(|| json!({}));
    if let (Some(settings), Some(given)) = (settings.as_object_mut(), labels.as_object()) {
        let own = settings.entry("Labels").or_insert_with(|| json!({}));
        if own.is_null() {
            *own = json!({});
        }
        if let Some(own) = own.as_object_mut() {
            own.extend(given.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_image_has_labels_and_no_cache_and_is_else_the_stage() {
        let stage = json!({
            "config": {"Env": ["A=b"], "Labels": {"a": "stage", "b": "stage"}},
            "moby.buildkit.cache.v0": "e30=", "rootfs": {"type": "layers", "diff_ids": []},
        });
        let finished_config = |mut config: Value, labels: &Value| {
            finish_config(&mut config, labels);
            config
        };
        assert_eq!(
            finished_config(stage, &json!({"a": "given", "c": "given"})),
            json!({
                "config": {"Env": ["A=b"], "Labels": {"a": "given", "b": "stage", "c": "given"}},
                "rootfs": {"type": "layers", "diff_ids": []},
            })
        );
        let bare = json!({"config": {"Labels": null}});
        let labelled = json!({"config": {"Labels": {"a": "b"}}});
        assert_eq!(finished_config(bare, &json!({"a": "b"})), labelled);
    }
}
