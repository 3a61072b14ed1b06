use super::super::finding::{Finding, Severity};
use super::check::{Check, Situation};

/// Which image store the engine uses.
pub(super) struct ImageStore;

impl Check for ImageStore {
    fn id(&self) -> &'static str {
        "image-store"
    }

    fn findings(&self, situation: &Situation<'_>) -> Vec<Finding> {
        let Ok(engine) = &situation.facts.engine else {
            return Vec::new();
        };
        let message = format!("{} image store ({})", engine.info.store, engine.info.driver);
        vec![Finding::new(self.id(), Severity::Ok, "engine", message)]
    }
}
