use super::super::finding::{Finding, Severity};
use super::check::{Check, Situation};

/// The engine has a BuildKit whose caches can be carried.
pub(super) struct EngineVersion;

impl Check for EngineVersion {
    fn id(&self) -> &'static str {
        "engine-version"
    }

    fn findings(&self, situation: &Situation<'_>) -> Vec<Finding> {
        let Ok(engine) = &situation.facts.engine else {
            return Vec::new();
        };
        let message = format!("engine {} with API {}", engine.version, engine.api_version);
        let major = engine.version.split('.').next().map(str::parse::<u32>);
        let finding = |severity| Finding::new(self.id(), severity, "engine", message.clone());
        vec![match major {
            // docs/engine-facts.md: from 20.10 to 26 no BuildKit key crosses.
            Some(Ok(major)) if major < 23 => finding(Severity::Warning)
                .because("the build cache of newer engines does not match on this one; caches of the classic builder do")
                .remedied_by("docker offline build --classic"),
            Some(Ok(_)) => finding(Severity::Ok),
            _ => finding(Severity::Note).because("its version has no number to compare"),
        }]
    }
}
