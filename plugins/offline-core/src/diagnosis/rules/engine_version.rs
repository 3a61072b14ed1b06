use super::super::finding::{Finding, Severity};
use super::check::{Check, Situation};

/// The engine's version; what it means for a bundle is `build-cache`'s to say.
pub(super) struct EngineVersion;

impl Check for EngineVersion {
    fn id(&self) -> &'static str {
        "engine-version"
    }

    fn findings(&self, situation: &Situation<'_>) -> Vec<Finding> {
        let Ok(engine) = &situation.facts.engine else {
            return Vec::new();
        };
        let version = &engine.info.version;
        let message = format!("engine {version} with API {}", engine.api_version);
        let finding = |severity| Finding::new(self.id(), severity, "engine", message.clone());
        vec![match engine.info.generation() {
            0 => finding(Severity::Note).because("its version has no number to compare"),
            _ => finding(Severity::Ok),
        }]
    }
}
