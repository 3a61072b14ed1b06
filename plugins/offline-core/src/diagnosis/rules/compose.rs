use super::super::finding::{Finding, Severity};
use super::check::{Check, Situation};

use crate::engine::Error;
use crate::error::Explain as _;

/// Compose is installed.
pub(super) struct Compose;

impl Check for Compose {
    fn id(&self) -> &'static str {
        "compose"
    }

    fn findings(&self, situation: &Situation<'_>) -> Vec<Finding> {
        let error = match &situation.facts.compose {
            Ok(version) => {
                let message = format!("Compose {version}");
                return vec![Finding::new(self.id(), Severity::Ok, "Compose", message)];
            }
            // That docker itself is missing is said once, of the engine.
            Err(Error::DockerMissing) => return Vec::new(),
            Err(error) => error,
        };
        let mut finding = Finding::new(self.id(), Severity::Error, "Compose", error.to_string());
        finding.remedy.extend(error.hint());
        vec![finding]
    }
}
