use serde::Serialize;

use super::finding::{Finding, Remedy, Severity};
use super::language::Language;
use super::report::Report;
use super::rule::Group;

/// A report as JSON, in one language. Its schema is published as
/// `docs/diagnosis/schema.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'a> {
    /// The version of this form; it rises when a reader would misread it.
    format: u32,
    language: &'static str,
    checked: usize,
    errors: usize,
    warnings: usize,
    notes: usize,
    /// What is not as it should be, in the order shown.
    findings: Vec<Item<'a>>,
    /// What was looked at and is as it should be.
    passed: Vec<Item<'a>>,
}

#[derive(Debug, Serialize)]
struct Item<'a> {
    id: &'static str,
    group: Group,
    severity: Severity,
    subject: &'a str,
    service: Option<&'a str>,
    file: Option<String>,
    line: Option<u32>,
    evidence: Option<Shown<'a>>,
    message: &'a str,
    cause: Option<&'a str>,
    remedy: Vec<Deed<'a>>,
}

/// A line of a log.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    line: u64,
    text: &'a str,
}

/// Either a sentence or a command.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Deed<'a> {
    Say(&'a str),
    Run(&'a str),
}

impl<'a> Document<'a> {
    /// The report in a language.
    pub fn of(report: &'a Report, language: Language) -> Self {
        let items = |ok: bool| {
            let chosen = report
                .findings
                .iter()
                .filter(move |f| (f.severity == Severity::Ok) == ok);
            chosen.map(|f| item(f, language)).collect()
        };
        Self {
            format: 1,
            language: language.code(),
            checked: report.checked,
            errors: report.count(Severity::Error),
            warnings: report.count(Severity::Warning),
            notes: report.count(Severity::Note),
            findings: items(false),
            passed: items(true),
        }
    }
}

fn item(finding: &Finding, language: Language) -> Item<'_> {
    let location = finding.location.as_ref();
    Item {
        id: finding.id,
        group: finding.group,
        severity: finding.severity,
        subject: &finding.subject,
        service: finding.service.as_deref(),
        file: location.map(|l| l.file.display().to_string()),
        line: location.and_then(|l| l.line),
        evidence: finding.evidence.as_ref().map(|evidence| Shown {
            line: evidence.line,
            text: &evidence.text,
        }),
        message: finding.message.get(language),
        cause: finding.cause.as_ref().map(|c| c.get(language)),
        remedy: finding
            .remedy
            .iter()
            .map(|remedy| match remedy {
                Remedy::Say(words) => Deed::Say(words.get(language)),
                Remedy::Run(command) => Deed::Run(command),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::diagnosis::conforms;
    use crate::diagnosis::{Text, rules};
    use crate::project::Location;

    fn document() -> Value {
        let (rule, text) = (rules()[0], Text::fixed("is so", "如此"));
        let bad = rule
            .error("it", text.clone())
            .of_service("api")
            .at(Location::new("/p/Dockerfile", Some(3)))
            .because(text.clone())
            .remedied_by(text.clone())
            .run("docker info");
        let report = Report::of(vec![bad, rule.ok("it", text)], 9);
        serde_json::to_value(Document::of(&report, Language::Chinese)).unwrap()
    }

    #[test]
    fn a_report_follows_the_published_schema() {
        let schema = include_str!("../../../../docs/diagnosis/schema.json");
        let schema: Value = serde_json::from_str(schema).unwrap();
        let mut document = document();
        conforms(&document, &schema, &schema).unwrap();
        assert_eq!(document["findings"][0]["message"], "如此");
        assert_eq!(document["findings"][0]["remedy"][1]["run"], "docker info");
        assert_eq!(document["passed"].as_array().unwrap().len(), 1);
        document["findings"][0]["severity"] = "fatal".into();
        assert!(conforms(&document, &schema, &schema).is_err());
    }
}
