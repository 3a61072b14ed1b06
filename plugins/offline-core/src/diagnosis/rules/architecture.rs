use super::super::finding::{Finding, Severity};
use super::check::{Check, Situation};

use crate::closure::Platform;

/// The bundle is for the engine's processor.
pub(super) struct Architecture;

impl Check for Architecture {
    fn id(&self) -> &'static str {
        "architecture"
    }

    fn findings(&self, situation: &Situation<'_>) -> Vec<Finding> {
        let Ok(engine) = &situation.facts.engine else {
            return Vec::new();
        };
        let here = &engine.info.platform;
        let finding = |severity, message| Finding::new(self.id(), severity, "engine", message);
        let Ok(bundle) = situation.bundle else {
            return vec![finding(Severity::Ok, here.clone())];
        };
        let made = &bundle.record().platform;
        if same(made, here) {
            let message = format!("{here} here and in the bundle");
            return vec![finding(Severity::Ok, message)];
        }
        let message = format!("the bundle is for {made}, the engine is {here}");
        vec![
            finding(Severity::Error, message)
                .because("binaries of another processor do not run")
                .remedied_by(format!(
                    "on the connected machine: docker offline export --platform {here}"
                )),
        ]
    }
}

/// Whether two names mean one platform: `linux/arm64/v8` is `linux/arm64`.
fn same(one: &str, other: &str) -> bool {
    match (one.parse::<Platform>(), other.parse::<Platform>()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}
