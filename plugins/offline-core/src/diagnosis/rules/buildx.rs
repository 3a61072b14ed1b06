use super::super::finding::{Finding, Severity};
use super::check::{Check, Situation};

use crate::engine::Error;
use crate::error::Explain as _;

/// buildx is installed.
pub(super) struct Buildx;

impl Check for Buildx {
    fn id(&self) -> &'static str {
        "buildx"
    }

    fn findings(&self, situation: &Situation<'_>) -> Vec<Finding> {
        let error = match &situation.facts.buildx {
            Ok(version) => {
                // "github.com/docker/buildx v0.29.1 a1b2c3"
                let number = version.split_whitespace().nth(1).unwrap_or(version);
                let message = format!("buildx {}", number.trim_start_matches('v'));
                return vec![Finding::new(self.id(), Severity::Ok, "buildx", message)];
            }
            // That docker itself is missing is said once, of the engine.
            Err(Error::DockerMissing) => return Vec::new(),
            Err(error) => error,
        };
        let mut finding = Finding::new(self.id(), Severity::Error, "buildx", error.to_string());
        finding.remedy.extend(error.hint());
        vec![finding]
    }
}
