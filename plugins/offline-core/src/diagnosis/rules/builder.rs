use super::super::finding::{Finding, Severity};
use super::check::{Check, Situation};

use crate::engine::Error;

/// Builds go to the engine itself, which has the images that were loaded.
pub(super) struct ActiveBuilder;

impl Check for ActiveBuilder {
    fn id(&self) -> &'static str {
        "builder"
    }

    fn findings(&self, situation: &Situation<'_>) -> Vec<Finding> {
        // Without its engine, buildx does not know the driver either.
        if situation.facts.engine.is_err() {
            return Vec::new();
        }
        let builder = match &situation.facts.builder {
            Ok(builder) => builder,
            // What is missing is said once, by the rule that it belongs to.
            Err(Error::DockerMissing | Error::BuildxMissing) => return Vec::new(),
            Err(error) => {
                let message = format!("the active builder cannot be asked: {error}");
                let finding = Finding::new(self.id(), Severity::Warning, "buildx", message)
                    .remedied_by("docker buildx inspect");
                return vec![finding];
            }
        };
        let subject = &builder.name;
        if builder.driver == "docker" {
            let message = "builds go to the engine itself";
            return vec![Finding::new(self.id(), Severity::Ok, subject, message)];
        }
        let message = format!(
            "the active builder {subject} has the {} driver",
            builder.driver
        );
        vec![
            Finding::new(self.id(), Severity::Error, subject, message)
                .because("such a builder cannot see the images that were loaded into the engine")
                .remedied_by("docker buildx use default"),
        ]
    }
}
