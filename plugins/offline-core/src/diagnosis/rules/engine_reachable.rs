use std::error::Error as _;

use super::super::finding::{Finding, Severity};
use super::check::{Check, Situation};

use crate::error::Explain as _;

/// The engine answers this user.
pub(super) struct EngineReachable;

impl Check for EngineReachable {
    fn id(&self) -> &'static str {
        "engine-reachable"
    }

    fn findings(&self, situation: &Situation<'_>) -> Vec<Finding> {
        let Err(error) = &situation.facts.engine else {
            let message = "the Docker engine answers";
            return vec![Finding::new(self.id(), Severity::Ok, "engine", message)];
        };
        let mut finding = Finding::new(self.id(), Severity::Error, "engine", error.to_string());
        finding.cause = error.source().map(ToString::to_string);
        finding.remedy.extend(error.hint());
        vec![finding]
    }
}
