use super::finding::{Finding, Severity};
use crate::error::{Explain, Kind};

/// All findings of a diagnosis: by group, in each group the worst first.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The findings, and what was found to be as it should be.
    pub findings: Vec<Finding>,
    /// How many rules have looked.
    pub checked: usize,
}

/// Diagnosis has found something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("diagnosis found {}", counted(*errors, *warnings))]
pub struct FindingsFound {
    /// How many errors.
    pub errors: usize,
    /// How many warnings.
    pub warnings: usize,
}

impl Explain for FindingsFound {
    fn kind(&self) -> Kind {
        if self.errors > 0 {
            Kind::FindingsError
        } else {
            Kind::FindingsWarning
        }
    }

    fn hint(&self) -> Option<String> {
        Some(
            "do what stands under \"do\", then diagnose again; --explain ID says more of a rule"
                .into(),
        )
    }
}

impl Report {
    /// Puts findings into their order: by group, in each the worst first; equal
    /// ones stay as the rules gave them.
    pub(super) fn of(mut findings: Vec<Finding>, checked: usize) -> Self {
        findings.sort_by_key(|f| (f.group, std::cmp::Reverse(f.severity)));
        Self { findings, checked }
    }

    /// How many findings have this severity.
    pub fn count(&self, severity: Severity) -> usize {
        let same = self.findings.iter().filter(|f| f.severity == severity);
        same.count()
    }

    /// Fails if there is an error, or, with `strict`, a warning.
    pub fn conclude(&self, strict: bool) -> Result<(), FindingsFound> {
        let errors = self.count(Severity::Error);
        let warnings = self.count(Severity::Warning);
        if errors > 0 || strict && warnings > 0 {
            return Err(FindingsFound { errors, warnings });
        }
        Ok(())
    }
}

fn counted(errors: usize, warnings: usize) -> String {
    let part = |number: usize, noun: &str| match number {
        0 => None,
        1 => Some(format!("1 {noun}")),
        _ => Some(format!("{number} {noun}s")),
    };
    let parts = [part(errors, "error"), part(warnings, "warning")];
    parts
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::Text;

    fn report(severities: &[Severity]) -> Report {
        let rule = &crate::diagnosis::rules()[0];
        let text = Text::fixed("is so", "如此");
        let finding = |s: &Severity| rule.finding(*s, "it", text.clone());
        Report::of(severities.iter().map(finding).collect(), 1)
    }

    #[test]
    fn errors_fail_and_warnings_only_when_strict() {
        use Severity::{Error, Note, Ok as Good, Warning};
        assert!(report(&[Good, Note]).conclude(true).is_ok());
        assert!(report(&[Warning]).conclude(false).is_ok());
        let strict = report(&[Warning]).conclude(true).unwrap_err();
        assert_eq!(strict.kind(), Kind::FindingsWarning);
        let both = report(&[Error, Error, Warning])
            .conclude(false)
            .unwrap_err();
        assert_eq!(both.kind(), Kind::FindingsError);
        assert_eq!(both.to_string(), "diagnosis found 2 errors and 1 warning");
    }

    #[test]
    fn the_worst_comes_first() {
        use Severity::{Error, Note, Ok as Good, Warning};
        let report = report(&[Good, Warning, Error, Note]);
        let order: Vec<Severity> = report.findings.iter().map(|f| f.severity).collect();
        assert_eq!(order, [Error, Warning, Note, Good]);
    }
}
