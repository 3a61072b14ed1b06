use std::path::Path;

use super::contexts::contexts;
use super::facts::Facts;
use super::finding::{Finding, Remedy, Severity};
use super::machine::Machine;
use super::report::Report;
use super::rules::{Situation, rule};
use super::sources::Sources;
use crate::bundle;
use crate::closure::Closure;
use crate::error::Failure;
use crate::event::Warning;
use crate::project::Project;

/// The rules that can say on the connected machine what will happen on site.
const RULES: &[&str] = &[
    "unset-variable",
    "copy-before-install",
    "remote-source",
    "asks-at-start",
    "hub-offline",
    "no-cache",
    "pulls-always",
    "floating-tag",
    "dockerignore",
    "context-size",
    "crlf-script",
];

/// The rule of sources that a build fetches by itself.
pub const REMOTE_SOURCE: &str = "remote-source";

/// The rules that have nothing to say where the bundle holds what network steps
/// fetch: such a step can run again.
const WITHOUT_RECORDING: &[&str] = &["copy-before-install"];

/// What an export should know of its project, which records the network or does
/// not: findings that are errors will fail on site whatever the bundle holds.
pub fn before_export(project: &Project, closure: &Closure, records: bool) -> Report {
    let facts = Facts::gather(None);
    let none = bundle::Error::NotFound { looked: Vec::new() };
    let none = Failure::from(none);
    let folder = project.directory.clone();
    let sources = Sources::Read(Box::new(project.clone()), Box::new(closure.clone()));
    let situation = Situation {
        facts: &facts,
        bundle: Err(&none),
        bundle_named: false,
        unpacked: Path::new(bundle::DEFAULT_NAME),
        folder: &folder,
        sources: &sources,
        local: None,
        traces: &[],
        machine: &Machine::default(),
        missing_env_files: &[],
        contexts: &contexts(closure),
        tool_version: "",
    };
    let told = |id: &&&str| !(records && WITHOUT_RECORDING.contains(*id));
    let rules = RULES.iter().filter(told).filter_map(|id| rule(id));
    let findings = rules.flat_map(|rule| (rule.check)(rule, &situation));
    Report::of(findings.collect(), RULES.len())
}

impl Finding {
    /// The finding as a warning of another command, in English as all of its
    /// talk.
    pub fn as_warning(&self) -> Warning {
        let remedy: Vec<&str> = self
            .remedy
            .iter()
            .map(|remedy| match remedy {
                Remedy::Say(words) => words.en.as_ref(),
                Remedy::Run(command) => command.as_str(),
            })
            .collect();
        Warning {
            what: self.message.en.clone().into_owned(),
            subject: Some(self.subject.clone()),
            why: self
                .cause
                .as_ref()
                .map(|cause| cause.en.clone().into_owned()),
            remedy: (!remedy.is_empty()).then(|| remedy.join(": ")),
        }
    }
}

impl Report {
    /// Everything that is worth a warning, the worst first.
    pub fn warnings(&self) -> Vec<Warning> {
        self.warnings_of(|_| true)
    }

    /// The same for some of the findings.
    pub fn warnings_of(&self, of: impl Fn(&&Finding) -> bool) -> Vec<Warning> {
        let mut found: Vec<&Finding> = self
            .findings
            .iter()
            .filter(|f| f.severity >= Severity::Warning)
            .filter(of)
            .collect();
        found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        found.into_iter().map(Finding::as_warning).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::closure;
    use crate::project::from_config;

    fn report(dockerfile: &str) -> Report {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("Dockerfile"), dockerfile).unwrap();
        let config = format!(
            r#"{{"name": "shop", "services": {{"api": {{"build": {{"context": "{}", "dockerfile": "Dockerfile"}}}}}}}}"#,
            dir.path().display()
        );
        let project = from_config(&config, &[dir.path().join("compose.yaml")]).unwrap();
        let platform = "linux/amd64".parse().unwrap();
        let closure = closure::resolve(&project, &[], &platform).unwrap();
        before_export(&project, &closure, false)
    }

    #[test]
    fn what_cannot_work_on_site_is_an_error_and_what_may_is_not() {
        let refused = report("FROM debian:12\nADD --exclude=d https://example.org/x.git /x\n");
        assert_eq!(refused.count(Severity::Error), 1);
        let warning = &refused.warnings()[0];
        assert_eq!(warning.subject.as_deref(), Some("Dockerfile:2"));
        let carried = report("FROM debian:12\nADD https://example.org/x /x\n");
        assert_eq!(carried.count(Severity::Error), 0);
        let warned = report("FROM debian:12\nCOPY . .\nRUN npm ci\n");
        assert_eq!(warned.count(Severity::Error), 0);
        assert_eq!(warned.warnings().len(), 1);
        assert!(
            report("FROM debian:12\nRUN apt-get update\n")
                .warnings()
                .is_empty()
        );
    }

    #[test]
    fn every_rule_named_here_exists() {
        for id in RULES {
            assert!(rule(id).is_some(), "{id}");
        }
    }

    #[test]
    fn the_clean_examples_have_no_finding() {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../compose-examples");
        for name in ["llm-chat", "features"] {
            let options = crate::project::ProjectOptions {
                project_directory: Some(examples.join(name)),
                ..Default::default()
            };
            let project = crate::project::read_without_compose(&options).unwrap();
            let platform = "linux/amd64".parse().unwrap();
            let closure = closure::resolve(&project, &[], &platform).unwrap();
            let said = before_export(&project, &closure, false).warnings();
            assert!(said.is_empty(), "{name}: {said:#?}");
        }
    }
}
