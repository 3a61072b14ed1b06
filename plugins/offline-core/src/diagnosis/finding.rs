use serde::Serialize;

use super::language::Text;
use super::rule::{Group, Rule};
use crate::project::Location;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It is as it should be.
    Ok,
    /// Worth knowing; nothing has to be done.
    Note,
    /// It will work, but not as well as it could, or not for long.
    Warning,
    /// It will fail.
    Error,
}

/// One thing that was looked at, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's stable name, such as `engine-reachable`.
    pub id: &'static str,
    /// What it is about: host, bundle, project or log.
    pub group: Group,
    /// How much it matters.
    pub severity: Severity,
    /// What was looked at: the engine, a disk, an image, `Dockerfile:5`.
    pub subject: String,
    /// The service that it concerns, where it is one.
    pub service: Option<String>,
    /// The file and line, where there is one.
    pub location: Option<Location>,
    /// The line of a log that shows it.
    pub evidence: Option<Evidence>,
    /// How it was found, as a sentence.
    pub message: Text,
    /// Why it is so, or why it matters.
    pub cause: Option<Text>,
    /// What to do, in this order.
    pub remedy: Vec<Remedy>,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Its 1-based number.
    pub line: u64,
    /// What it says, without what a builder puts before it.
    pub text: String,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// A sentence.
    Say(Text),
    /// A command to paste into a shell.
    Run(String),
}

impl Finding {
    /// A finding without cause and remedy.
    pub fn new(rule: &Rule, severity: Severity, subject: impl Into<String>, message: Text) -> Self {
        Self {
            id: rule.id,
            group: rule.group,
            severity,
            subject: subject.into(),
            service: None,
            location: None,
            evidence: None,
            message,
            cause: None,
            remedy: Vec::new(),
        }
    }

    /// The same with the service that it concerns.
    #[must_use]
    pub fn of_service(mut self, service: impl Into<String>) -> Self {
        self.service = Some(service.into());
        self
    }

    /// The same with its place in a file.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    /// The same with its cause.
    #[must_use]
    pub fn because(mut self, cause: Text) -> Self {
        self.cause = Some(cause);
        self
    }

    /// The same with one more thing to do.
    #[must_use]
    pub fn remedied_by(mut self, remedy: Text) -> Self {
        self.remedy.push(Remedy::Say(remedy));
        self
    }

    /// The same with one more command to paste.
    #[must_use]
    pub fn run(mut self, command: impl Into<String>) -> Self {
        self.remedy.push(Remedy::Run(command.into()));
        self
    }
}
