use super::super::finding::{Finding, Severity};
use super::super::sources::Sources;
use super::check::{Check, Situation};

use crate::error::Failure;

/// The Compose project and its Dockerfiles can be read.
pub(super) struct ProjectRead;

impl Check for ProjectRead {
    fn id(&self) -> &'static str {
        "project"
    }

    fn findings(&self, situation: &Situation<'_>) -> Vec<Finding> {
        let (project, closure) = match situation.sources {
            Sources::Read(project, closure) => (project, closure),
            Sources::Unreadable => return Vec::new(),
            Sources::Absent(failure) => {
                let finding = self.unread(Severity::Note, failure);
                let why = "whether a bundle is complete for a project can only be said beside it";
                return vec![finding.because(why)];
            }
            Sources::Broken(failure) => return vec![self.unread(Severity::Error, failure)],
        };
        let files: Vec<String> = project
            .files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        let subject = files.join(", ");
        let hidden: Vec<&str> = closure.hidden.iter().map(|h| h.name.as_str()).collect();
        let mut message = format!(
            "project {}: {}, {}",
            project.name,
            counted(closure.services.len(), "service"),
            counted(closure.images.len(), "image")
        );
        if !hidden.is_empty() {
            message += "; hidden by profiles: ";
            message += &hidden.join(", ");
        }
        let mut findings = vec![Finding::new(self.id(), Severity::Ok, subject, message)];
        findings.extend(project.unset_variables.iter().map(|name| {
            let message = format!("the variable {name} is not set");
            Finding::new(self.id(), Severity::Warning, name.as_str(), message)
                .because("Compose puts nothing in its place; a build with another value than at the export misses the cache")
                .remedied_by(format!("set {name} in .env, as it was at the export"))
        }));
        findings
    }
}

impl ProjectRead {
    fn unread(&self, severity: Severity, failure: &Failure) -> Finding {
        let mut finding = Finding::new(self.id(), severity, "project", failure.to_string());
        finding.cause = failure.error().source().map(ToString::to_string);
        finding.remedy.extend(failure.hint().map(str::to_owned));
        finding
    }
}

fn counted(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}
