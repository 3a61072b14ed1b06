use serde::Serialize;

use super::finding::{Finding, Severity};
use super::language::Text;
use super::rules::Situation;

/// What a rule is about. Findings are shown in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// The machine, its engine and its tools.
    Host,
    /// The bundle.
    Bundle,
    /// The Compose project and its Dockerfiles.
    Project,
    /// What the log of a build says.
    Log,
}

impl Group {
    /// All groups, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Host, Self::Bundle, Self::Project, Self::Log];

    /// Its heading.
    pub const fn title(self) -> Text {
        match self {
            Self::Host => Text::fixed("Host", "主机"),
            Self::Bundle => Text::fixed("Bundle", "离线包"),
            Self::Project => Text::fixed("Project", "项目"),
            Self::Log => Text::fixed("Log", "日志"),
        }
    }

    /// Its name in files and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Bundle => "bundle",
            Self::Project => "project",
            Self::Log => "log",
        }
    }
}

/// One rule: what `--explain` and `docs/diagnosis/` say of it, and how it looks.
pub struct Rule {
    /// Its name. Stable: scripts ask for it.
    pub id: &'static str,
    /// What it is about.
    pub group: Group,
    /// The worst that it can find.
    pub worst: Severity,
    /// What is as it should be when it finds nothing.
    pub promise: Text,
    /// What goes wrong otherwise, and why.
    pub why: Text,
    /// What to do about it.
    pub remedy: Text,
    /// What it finds. A rule that cannot say anything, because another one has
    /// failed, finds nothing.
    pub check: fn(&Rule, &Situation<'_>) -> Vec<Finding>,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rule({})", self.id)
    }
}

impl Rule {
    /// A finding of this rule.
    pub fn finding(
        &self,
        severity: Severity,
        subject: impl Into<String>,
        message: Text,
    ) -> Finding {
        Finding::new(self, severity, subject, message)
    }

    /// It was looked at, and is as it should be.
    pub fn ok(&self, subject: impl Into<String>, message: Text) -> Finding {
        self.finding(Severity::Ok, subject, message)
    }

    /// Worth knowing.
    pub fn note(&self, subject: impl Into<String>, message: Text) -> Finding {
        self.finding(Severity::Note, subject, message)
    }

    /// It will work, but not well or not for long.
    pub fn warning(&self, subject: impl Into<String>, message: Text) -> Finding {
        self.finding(Severity::Warning, subject, message)
    }

    /// It will fail.
    pub fn error(&self, subject: impl Into<String>, message: Text) -> Finding {
        self.finding(Severity::Error, subject, message)
    }
}
