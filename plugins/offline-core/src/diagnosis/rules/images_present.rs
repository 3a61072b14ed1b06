use super::super::finding::{Finding, Severity};
use super::check::{Check, Situation};

/// The engine holds the images that a build asks for.
pub(super) struct ImagesPresent;

impl Check for ImagesPresent {
    fn id(&self) -> &'static str {
        "image-present"
    }

    fn findings(&self, situation: &Situation<'_>) -> Vec<Finding> {
        let (Ok(engine), Some(bundle)) = (&situation.facts.engine, situation.bundle) else {
            return Vec::new();
        };
        let images = bundle.images();
        let missing: Vec<&String> = images
            .iter()
            // A pinned image is known by its name; its digest is not listed.
            .filter(|image| {
                let name = image.split('@').next().unwrap_or(image);
                !engine.images.contains(name)
            })
            .collect();
        if missing.is_empty() {
            let message = format!("all {} images of the bundle are loaded", images.len());
            return vec![Finding::new(self.id(), Severity::Ok, "engine", message)];
        }
        let finding = |image: &&String| {
            let message = "not in the engine yet; the bundle has it";
            Finding::new(self.id(), Severity::Note, image.as_str(), message)
                .because("docker offline build loads it; docker compose build before that would wait for a registry")
                .remedied_by("docker offline build --setup")
        };
        missing.iter().map(finding).collect()
    }
}
