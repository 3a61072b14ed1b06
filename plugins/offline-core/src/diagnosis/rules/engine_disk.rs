use super::super::KEPT_FREE;
use super::super::finding::{Finding, Severity};
use super::check::{Check, Situation};

/// The engine's disk has room, so that the warmed cache is kept.
pub(super) struct EngineDisk;

impl Check for EngineDisk {
    fn id(&self) -> &'static str {
        "engine-disk"
    }

    fn findings(&self, situation: &Situation<'_>) -> Vec<Finding> {
        let Ok(engine) = &situation.facts.engine else {
            return Vec::new();
        };
        let subject = engine.info.root.display().to_string();
        let Some(disk) = &engine.disk else {
            let message = "the engine's disk cannot be seen from this machine";
            return vec![Finding::new(self.id(), Severity::Note, subject, message)];
        };
        let percent = disk.percent_free();
        let message = format!("{percent}% of the engine's disk is free");
        if percent >= KEPT_FREE {
            return vec![Finding::new(self.id(), Severity::Ok, subject, message)];
        }
        let finding = Finding::new(self.id(), Severity::Warning, subject, message)
            .because(format!(
                "with less than {KEPT_FREE}% free, BuildKit may drop the build cache between two builds, and steps that need a network run again"
            ))
            .remedied_by("free space on that disk; docker system df shows what Docker itself uses")
            .remedied_by("if builds miss the cache afterwards: docker offline build");
        vec![finding]
    }
}
