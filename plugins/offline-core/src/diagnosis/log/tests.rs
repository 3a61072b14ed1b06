use std::collections::BTreeSet;

use super::catalogue::{Catalogue, Deed, Entry, catalogue};
use super::findings::{UNKNOWN, placeholder, read_log};
use crate::diagnosis::{Finding, Remedy, Report, Severity};

fn read(log: &str) -> Report {
    read_log(log.as_bytes(), "log").unwrap()
}

fn found(log: &str) -> Vec<(&'static str, Severity, String)> {
    let told = |f: &Finding| (f.id, f.severity, f.subject.clone());
    read(log).findings.iter().map(told).collect()
}

fn texts(entry: &Entry) -> Vec<(&str, &str)> {
    let said = entry.remedy.iter().filter_map(|deed| match deed {
        Deed::Say(words) => Some(words),
        Deed::Run { .. } => None,
    });
    [&entry.title, &entry.cause]
        .into_iter()
        .chain(said)
        .map(|words| (words.en.as_str(), words.zh.as_str()))
        .collect()
}

#[test]
fn the_table_is_whole() {
    let mut ids = BTreeSet::new();
    let rules: BTreeSet<&str> = crate::diagnosis::rules()
        .iter()
        .map(|rule| rule.id)
        .collect();
    for entry in &catalogue().entries {
        let id = entry.id.as_str();
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(ids.insert(id) && id.chars().all(legal), "{id}");
        assert!(!rules.contains(id) && id != UNKNOWN, "{id} is a rule");
        assert!((1..100).contains(&entry.rank), "{id}");
        assert!(
            !entry.matches.is_empty() && !entry.remedy.is_empty(),
            "{id}"
        );
        assert!(!entry.tool.is_empty() && entry.source.len() > 8, "{id}");
        for (en, zh) in texts(entry) {
            assert!(!en.is_empty() && en.is_ascii(), "{id}: {en}");
            assert!(zh.chars().any(|c| c > '\u{2e80}') || zh == en, "{id}: {zh}");
        }
    }
}

#[test]
fn placeholders_are_groups_of_some_pattern() {
    for entry in &catalogue().entries {
        let groups: BTreeSet<String> = (0..entry.matches.len())
            .filter_map(|place| entry.pattern(place))
            .flat_map(|p| {
                p.capture_names()
                    .flatten()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .collect();
        for deed in &entry.remedy {
            let Deed::Run { run } = deed else { continue };
            let mut rest = run.as_str();
            while let Some((_, name, after)) = placeholder(rest) {
                assert!(
                    name == "service" || groups.contains(name),
                    "{}: {name}",
                    entry.id
                );
                rest = after;
            }
        }
    }
}

#[test]
fn a_mistake_in_the_table_is_named() {
    let table = "[advice]\n[[entry]]\nid = \"a\"\ntool = \"t\"\nrank = 1\nmatches = ['(']\n\
        title = { en = \"a\", zh = \"a\" }\ncause = { en = \"a\", zh = \"a\" }\nremedy = []\nsource = \"s\"\n";
    assert!(Catalogue::parse(table).unwrap_err().contains("regex"));
    let advised = table.replace("'('", "'x'") + "advice = [\"gone\"]\n";
    assert_eq!(Catalogue::parse(&advised).unwrap_err(), "a: no advice gone");
}

#[test]
fn root_causes_come_first_and_the_cancelled_last() {
    let log = "\
#5 [web internal] load metadata for x
#7 [web 2/3] RUN make
#7 0.1 curl: (6) Could not resolve host: a.example.invalid
#8 [api builder 2/3] RUN pip install x
#8 1.0 ERROR: No matching distribution found for x
#8 1.1 OSError: [Errno 28] No space left on device
#8 ERROR: process \"/bin/sh -c pip install x\" did not complete successfully: exit code: 1
#7 CANCELED
";
    let expected = [
        (
            "disk-full",
            Severity::Error,
            "api: RUN pip install x (builder 2/3)",
        ),
        (
            "pip-no-distribution",
            Severity::Note,
            "api: RUN pip install x (builder 2/3)",
        ),
        ("curl-unreachable", Severity::Note, "web: RUN make (2/3)"),
    ];
    assert_eq!(
        found(log),
        expected.map(|(id, severity, subject)| (id, severity, subject.to_owned()))
    );
}

#[test]
fn what_a_command_or_an_excerpt_says_has_not_happened() {
    let log = "\
#8 [2/3] RUN echo 'No space left on device' && false
#8 0.1 + echo 'No space left on device'
#8 ERROR: process \"/bin/sh -c echo 'No space left on device' && false\" did not complete successfully: exit code: 1
------
 > [2/3] RUN echo 'No space left on device' && false:
------
Dockerfile:2
--------------------
   2 | >>> RUN echo 'No space left on device' && false
--------------------
ERROR: failed to solve: process \"/bin/sh -c echo 'No space left on device' && false\" did not complete successfully: exit code: 1
";
    assert_eq!(found(log)[0].0, UNKNOWN);
}

#[test]
fn a_step_that_went_well_after_all_is_not_to_blame() {
    let log = "#8 [2/3] RUN fetch\n#8 0.1 curl: (6) Could not resolve host: a.example.invalid\n#8 DONE 3.0s\n";
    assert_eq!(found(log)[0].1, Severity::Ok);
}

#[test]
fn unknown_words_still_name_the_step_and_a_line() {
    let log = "#8 [api 2/3] RUN ./own\n#8 0.1 begins\n#8 0.2 frobnicator: fatal: 7\n#8 0.3 bye\n\
        #8 ERROR: process \"/bin/sh -c ./own\" did not complete successfully: exit code: 3\n";
    let report = read(log);
    let [finding] = report.findings.as_slice() else {
        panic!("{:?}", report.findings)
    };
    assert_eq!(
        (finding.id, finding.evidence.as_ref().unwrap().line),
        (UNKNOWN, 3)
    );
    assert_eq!(
        finding.evidence.as_ref().unwrap().text,
        "frobnicator: fatal: 7"
    );
}

#[test]
fn a_remedy_takes_only_harmless_words_from_a_log() {
    let conflict = |name: &str| {
        format!(
            "Error response from daemon: Conflict. The container name \"/{name}\" is already in use by x\n"
        )
    };
    let first = |name: &str| read(&conflict(name)).findings[0].remedy[0].clone();
    assert_eq!(first("shop"), Remedy::Run("docker rm -f shop".into()));
    assert_eq!(first("$(reboot)"), Remedy::Run("docker rm -f NAME".into()));
    assert_eq!(first("-v"), Remedy::Run("docker rm -f NAME".into()));
}

#[test]
fn several_builds_in_one_log_do_not_mix() {
    let log = "\
#1 [2/2] RUN good
#1 DONE 0.1s
#1 [2/2] RUN bad
#1 0.1 E: Unable to locate package x
#1 ERROR: process \"/bin/sh -c bad\" did not complete successfully: exit code: 100
";
    assert_eq!(found(log)[0].2, "RUN bad (2/2)");
}

#[test]
fn the_first_version_of_compose_names_its_services() {
    let log = "Building api\nStep 1/2 : FROM x\n ---> 0123\nStep 2/2 : RUN apt-get install -y jq\n ---> Running in 4567\n\
        E: Unable to locate package jq\n\
        The command '/bin/sh -c apt-get install -y jq' returned a non-zero code: 100\n\
        ERROR: Service 'api' failed to build : Build failed\n";
    let report = read(log);
    assert_eq!(report.findings[0].service.as_deref(), Some("api"));
    assert_eq!(
        report.findings[0].subject,
        "api: RUN apt-get install -y jq (2/2)"
    );
}

#[test]
fn a_lost_layer_asks_for_the_same_command_again() {
    let log = "#10 exporting to image\n\
        #10 ERROR: failed to prepare extraction snapshot \"extract-1-a sha256:1\": parent snapshot sha256:2 does not exist: not found\n";
    assert_eq!(found(log)[0].0, "containerd-snapshot-lost");
}

#[test]
fn npu_smi_has_two_ways_to_say_that_it_cannot_open_the_device() {
    for line in [
        "dcmi module initialize failed. ret is -8005",
        "dcmi model initialized failed, because the device is used. ret is -8020",
    ] {
        let found = found(line);
        assert_eq!(found[0].0, "ascend-device", "{line}: {found:?}");
    }
}

/// Words of tools that no lab has, from the places that the table names.
#[test]
fn rarer_tools_are_known_by_their_words() {
    for (command, said, id) in [
        (
            "nix build",
            "error: unable to download 'https://cache.nixos.org/nix-cache-info': Couldn't resolve host name (6)",
            "nix-unreachable",
        ),
        (
            "cpanm Mojolicious",
            "! Finding Mojolicious on cpanmetadb failed.",
            "cpan-unreachable",
        ),
        (
            "opam install dune",
            "[ERROR] Failed to get sources of dune.3.1: curl error code 6",
            "opam-unreachable",
        ),
        (
            "flutter pub get",
            "Got socket error trying to find package http at https://pub.dev.",
            "pub-unreachable",
        ),
        (
            "nvm install 20",
            "Version '20' not found - try `nvm ls-remote` to browse available versions.",
            "nvm-unreachable",
        ),
        (
            "aws s3 cp s3://a/b .",
            "fatal error: Could not connect to the endpoint URL: \"https://a.s3.amazonaws.com/b\"",
            "object-storage-unreachable",
        ),
        (
            "go build",
            "main.go:4:2: no required module provides package example.com/a; to add it:",
            "go-module-missing",
        ),
        (
            "pipenv install",
            "Was https://pypi.org/simple reachable?",
            "pip-unreachable",
        ),
        (
            "npm ci",
            "Error: Unable to download sentry-cli binary from https://downloads.sentry-cdn.com/a.",
            "node-binary-download",
        ),
    ] {
        let log = format!(
            "#8 [api 2/3] RUN {command}\n#8 0.1 {said}\n\
            #8 ERROR: process \"/bin/sh -c {command}\" did not complete successfully: exit code: 1\n"
        );
        assert_eq!(found(&log)[0].0, id, "{log}");
    }
}
