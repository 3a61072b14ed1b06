//! What `docker offline diagnose --log` says of logs that real builds have left.
//!
//! Every `*.log` was printed by a run in the lab (`capture/`), and
//! `expected.toml` says what has to be found in it first, in which line, and in
//! which step. A log of a build that went well has nothing to be found.

// What is shared by the tests is test code too, but clippy does not know it.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use offline_core::diagnosis::{Finding, Language, Report, Severity, log_rules, read_log};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    log: Vec<Failed>,
    healthy: Vec<Healthy>,
}

/// What is found first, and in the order of their weight what else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failed {
    file: String,
    id: String,
    line: u64,
    /// The words of that line, as far as they fit.
    cause: String,
    /// Service, instruction, stage and position, Dockerfile line.
    subject: String,
    service: Option<String>,
    #[serde(default)]
    also: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Healthy {
    file: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/logs")
}

fn expected() -> Expected {
    toml::from_str(&fs::read_to_string(folder().join("expected.toml")).unwrap()).unwrap()
}

fn log(name: &str) -> Vec<u8> {
    fs::read(folder().join(format!("{name}.log"))).unwrap()
}

fn read(name: &str) -> Report {
    read_log(log(name).as_slice(), name).unwrap()
}

/// What is wrong with what was found, in words.
fn compare(expected: &Failed, report: &Report) -> Result<(), String> {
    let found: Vec<&Finding> = report
        .findings
        .iter()
        .filter(|f| f.severity != Severity::Ok)
        .collect();
    let Some(first) = found.first() else {
        return Err(format!("{}: nothing was found", expected.file));
    };
    let evidence = first.evidence.as_ref().map(|e| (e.line, e.text.as_str()));
    let told = format!(
        "{}: found {} at {evidence:?}, {}",
        expected.file, first.id, first.subject
    );
    let same_line = evidence
        .is_some_and(|(line, text)| line == expected.line && text.contains(&expected.cause));
    let others: Vec<&str> = found[1..].iter().map(|f| f.id).collect();
    let as_expected = first.id == expected.id
        && first.severity == Severity::Error
        && same_line
        && first.subject == expected.subject
        && first.service == expected.service
        && others == expected.also;
    if as_expected {
        Ok(())
    } else {
        Err(format!("{told}, then {others:?}"))
    }
}

#[test]
fn the_cause_line_and_the_step_of_every_real_log_are_found() {
    let wrong: Vec<String> = expected()
        .log
        .iter()
        .filter_map(|expected| compare(expected, &read(&expected.file)).err())
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_found_in_the_logs_of_builds_that_went_well() {
    let healthy = expected().healthy;
    assert!(!healthy.is_empty());
    for expected in healthy {
        let report = read(&expected.file);
        assert!(
            report.conclude(true, Language::English).is_ok(),
            "{}: {:?}",
            expected.file,
            report.findings
        );
        assert_eq!(report.count(Severity::Ok), 1, "{}", expected.file);
        let text = String::from_utf8_lossy(&log(&expected.file)).to_lowercase();
        assert!(
            text.contains("error"),
            "{} would prove nothing",
            expected.file
        );
    }
}

#[test]
fn every_log_is_expected_and_many_entries_have_one() {
    let Expected { log, healthy } = expected();
    let named: BTreeSet<String> = log
        .iter()
        .map(|l| &l.file)
        .chain(healthy.iter().map(|h| &h.file))
        .map(|file| format!("{file}.log"))
        .collect();
    let there: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_some_and(|e| e == "log"))
        .collect();
    assert_eq!(named, there);
    let ids: BTreeSet<&str> = log.iter().map(|l| l.id.as_str()).collect();
    assert!(log_rules().len() >= 60, "{}", log_rules().len());
    assert!(ids.len() >= 30, "{}", ids.len());
}

/// A fixture is no proof of a line that its entry's source does not have, and an
/// entry that says `lab` names logs that are there.
#[test]
fn entries_from_the_lab_name_their_logs() {
    let table = fs::read_to_string(
        folder().join("../../plugins/offline-core/src/diagnosis/log/catalogue.toml"),
    )
    .unwrap();
    let table: toml::Table = table.parse().unwrap();
    let Expected { log, .. } = expected();
    for entry in table["entry"].as_array().unwrap() {
        let id = entry["id"].as_str().unwrap();
        let Some(sources) = entry["source"].as_str().unwrap().strip_prefix("lab: ") else {
            continue;
        };
        let sources = sources.split([';', '(']).next().unwrap();
        for source in sources.split(", ").map(str::trim) {
            let known = log.iter().find(|l| l.file == source);
            let known = known.unwrap_or_else(|| panic!("{id}: no log {source}"));
            let all: Vec<&str> = std::iter::once(&known.id)
                .chain(&known.also)
                .map(String::as_str)
                .collect();
            assert!(all.contains(&id), "{id} is not found in {source}: {all:?}");
        }
    }
}

/// The last line is what people look at first, and it is almost never the cause.
#[test]
fn the_end_of_a_log_can_be_missing() {
    for name in ["parallel", "pip-dns", "npm-dns", "classic-apt"] {
        let whole = log(name);
        let expected = expected();
        let expected = expected.log.iter().find(|l| l.file == name).unwrap();
        let line = usize::try_from(expected.line).unwrap();
        let cut: Vec<&[u8]> = whole.split_inclusive(|b| *b == b'\n').take(line).collect();
        let report = read_log(cut.concat().as_slice(), name).unwrap();
        assert_eq!(report.findings[0].id, expected.id, "{name}");
    }
}
