use serde::Serialize;

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's stable name, such as `engine-reachable`.
    pub id: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What was looked at: the engine, a disk, an image.
    pub subject: String,
    /// How it was found, as a sentence.
    pub message: String,
    /// Why it is so, or why it matters.
    pub cause: Option<String>,
    /// What to do: sentences, or commands to paste.
    pub remedy: Vec<String>,
}

impl Finding {
    /// A finding without cause and remedy.
    pub fn new(
        id: &'static str,
        severity: Severity,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            id,
            severity,
            subject: subject.into(),
            message: message.into(),
            cause: None,
            remedy: Vec::new(),
        }
    }

    /// The same with its cause.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The same with one more thing to do.
    #[must_use]
    pub fn remedied_by(mut self, remedy: impl Into<String>) -> Self {
        self.remedy.push(remedy.into());
        self
    }
}
