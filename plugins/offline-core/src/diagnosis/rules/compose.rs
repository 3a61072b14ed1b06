use super::super::finding::{Finding, Severity};
use super::check::{Check, Situation};

use super::super::sources::Sources;
use crate::compatibility::unread_service_contexts;
use crate::engine::Error;
use crate::error::Explain as _;
use crate::project::Service;

/// Compose is installed, and new enough for this project.
pub(super) struct Compose;

impl Check for Compose {
    fn id(&self) -> &'static str {
        "compose"
    }

    fn findings(&self, situation: &Situation<'_>) -> Vec<Finding> {
        let error = match &situation.facts.compose {
            Ok(version) => {
                let unread = match situation.sources {
                    Sources::Read(project, closure) => {
                        unread_service_contexts(project, closure, version)
                    }
                    _ => Vec::new(),
                };
                if !unread.is_empty() {
                    return unread.iter().map(|s| self.too_old(version, s)).collect();
                }
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

impl Compose {
    fn too_old(&self, version: &str, service: &Service) -> Finding {
        let location = service.location.as_ref();
        let subject = location.map_or_else(|| service.name.clone(), ToString::to_string);
        let message = format!(
            "service {} cannot be built here: Compose {version} cannot read service: in additional_contexts",
            service.name
        );
        Finding::new(self.id(), Severity::Error, subject, message)
            .because("that came with Compose 2.33")
            .remedied_by("install a newer Compose plugin on this machine")
    }
}
