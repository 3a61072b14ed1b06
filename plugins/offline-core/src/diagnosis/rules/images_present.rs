use std::collections::BTreeMap;

use super::super::finding::{Finding, Severity};
use super::check::{Check, Situation};

use crate::bundle::ImageRecord;
use crate::engine::LocalImage;
use crate::layout::Digest;
use crate::reference::ImageReference;

/// The engine holds the images that a build asks for.
pub(super) struct ImagesPresent;

impl Check for ImagesPresent {
    fn id(&self) -> &'static str {
        "image-present"
    }

    fn findings(&self, situation: &Situation<'_>) -> Vec<Finding> {
        let Some(local) = situation.local else {
            return Vec::new();
        };
        let carried = situation
            .bundle
            .map(|bundle| bundle.record().images.as_slice())
            .unwrap_or_default();
        let wanted = wanted(situation, carried);
        if wanted.is_empty() {
            return Vec::new();
        }
        let mut present = Vec::new();
        let mut missing = Vec::new();
        let mut other = Vec::new();
        for reference in &wanted {
            let name = reference.familiar();
            let of_bundle = carried
                .iter()
                .find(|image| image.reference == reference.to_string());
            match (is_here(reference, of_bundle, local), of_bundle) {
                (Here::Yes, _) => present.push(name),
                (Here::Other, _) => other.push(name),
                (Here::No, Some(_)) => missing.push(name),
                // In neither: `bundle-complete` says it.
                (Here::No, None) => {}
            }
        }
        self.words(wanted.len(), &present, &missing, &other)
    }
}

impl ImagesPresent {
    fn words(
        &self,
        wanted: usize,
        present: &[String],
        missing: &[String],
        other: &[String],
    ) -> Vec<Finding> {
        let finding = |severity, message| Finding::new(self.id(), severity, "engine", message);
        let mut findings = Vec::new();
        if present.len() == wanted {
            let message = format!("the engine has all {wanted} images");
            return vec![finding(Severity::Ok, message)];
        }
        if !present.is_empty() {
            let message = format!(
                "the engine has {} of {wanted} images: {}",
                present.len(),
                present.join(", ")
            );
            findings.push(finding(Severity::Ok, message));
        }
        let setup = "docker offline build, or only to load: docker offline build --setup";
        if !missing.is_empty() {
            let message = format!("to be loaded from the bundle: {}", missing.join(", "));
            findings.push(
                finding(Severity::Note, message)
                    .because("plain docker compose build would wait for a registry before that")
                    .remedied_by(setup),
            );
        }
        if !other.is_empty() {
            let message = format!(
                "the engine has other images of these names: {}",
                other.join(", ")
            );
            findings.push(
                finding(Severity::Note, message)
                    .because("the build cache belongs to those of the bundle")
                    .remedied_by(setup),
            );
        }
        findings
    }
}

enum Here {
    Yes,
    /// Another image has the name.
    Other,
    No,
}

/// What the project asks for; without a project, what the bundle has.
fn wanted(situation: &Situation<'_>, carried: &[ImageRecord]) -> Vec<ImageReference> {
    match situation.sources.closure() {
        Some(closure) => closure.images.iter().map(|i| i.reference.clone()).collect(),
        None => carried
            .iter()
            .filter_map(|image| ImageReference::parse(&image.reference).ok())
            .collect(),
    }
}

fn is_here(
    reference: &ImageReference,
    carried: Option<&ImageRecord>,
    local: &BTreeMap<String, LocalImage>,
) -> Here {
    match (local.get(&reference.load_name()), carried) {
        (None, _) => Here::No,
        (Some(_), None) => Here::Yes,
        // A graphdriver store names an image by its config, a containerd store
        // by its manifest or index.
        (Some(image), Some(carried)) => match image.id.parse::<Digest>() {
            Ok(id) if [carried.config, carried.manifest, carried.root].contains(&id) => Here::Yes,
            _ => Here::Other,
        },
    }
}
