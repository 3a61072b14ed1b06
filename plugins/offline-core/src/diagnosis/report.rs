use super::finding::{Finding, Severity};
use super::language::Language;
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
#[error("{}", found(*errors, *warnings, *language))]
pub struct FindingsFound {
    /// How many errors.
    pub errors: usize,
    /// How many warnings.
    pub warnings: usize,
    /// The language of the report.
    pub language: Language,
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
        let words = match self.language {
            Language::English => {
                "do what the report says, then diagnose again; --explain ID says more of a rule"
            }
            Language::Chinese => "按报告处理后重新诊断；--explain ID 显示规则的说明",
        };
        Some(words.into())
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
    pub fn conclude(&self, strict: bool, language: Language) -> Result<(), FindingsFound> {
        let errors = self.count(Severity::Error);
        let warnings = self.count(Severity::Warning);
        if errors > 0 || strict && warnings > 0 {
            return Err(FindingsFound {
                errors,
                warnings,
                language,
            });
        }
        Ok(())
    }
}

fn found(errors: usize, warnings: usize, language: Language) -> String {
    let part = |number: usize, noun: &str, zh: &str| match (number, language) {
        (0, _) => None,
        (_, Language::Chinese) => Some(format!("{number} 个{zh}")),
        (1, _) => Some(format!("1 {noun}")),
        _ => Some(format!("{number} {noun}s")),
    };
    let parts = [
        part(errors, "error", "错误"),
        part(warnings, "warning", "警告"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    match language {
        Language::English => format!("diagnosis found {}", parts.join(" and ")),
        Language::Chinese => format!("诊断发现 {}", parts.join("和 ")),
    }
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
        assert!(
            report(&[Good, Note])
                .conclude(true, Language::English)
                .is_ok()
        );
        assert!(
            report(&[Warning])
                .conclude(false, Language::English)
                .is_ok()
        );
        let strict = report(&[Warning])
            .conclude(true, Language::English)
            .unwrap_err();
        assert_eq!(strict.kind(), Kind::FindingsWarning);
        let both = report(&[Error, Error, Warning])
            .conclude(false, Language::English)
            .unwrap_err();
        assert_eq!(both.kind(), Kind::FindingsError);
        assert_eq!(both.to_string(), "diagnosis found 2 errors and 1 warning");
        let chinese = report(&[Error]).conclude(false, Language::Chinese);
        assert_eq!(chinese.unwrap_err().to_string(), "诊断发现 1 个错误");
    }

    #[test]
    fn the_worst_comes_first() {
        use Severity::{Error, Note, Ok as Good, Warning};
        let report = report(&[Good, Warning, Error, Note]);
        let order: Vec<Severity> = report.findings.iter().map(|f| f.severity).collect();
        assert_eq!(order, [Error, Warning, Note, Good]);
    }
}
