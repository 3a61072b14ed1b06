//! What the commands do where no engine answers: help, usage errors, rules explained,
//! logs read, completion. English and Chinese alike.

// Clippy allows it by itself only inside of #[test] functions.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use assert_cmd::assert::Assert;

/// The plugin, beside no engine, with no settings of whoever runs the tests.
fn offline(args: &[&str]) -> Assert {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_docker-offline"));
    command.arg("offline").args(args).current_dir(home.path());
    for name in ["LANG", "LC_ALL", "LC_MESSAGES", "COMPOSE_FILE", "COLUMNS"] {
        command.env_remove(name);
    }
    command.env("HOME", home.path());
    command.env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    command.assert()
}

fn stdout(ran: &Assert) -> String {
    String::from_utf8(ran.get_output().stdout.clone()).unwrap()
}

fn stderr(ran: &Assert) -> String {
    String::from_utf8(ran.get_output().stderr.clone()).unwrap()
}

const COMMANDS: [&str; 3] = ["export", "build", "diagnose"];

#[test]
fn every_command_has_help_of_its_own() {
    for name in COMMANDS {
        let ran = offline(&[name, "--help"]).success();
        let usage = format!("Usage: docker offline {name} [OPTIONS] [SERVICE]...");
        assert!(stdout(&ran).contains(&usage), "{}", stdout(&ran));
        assert_eq!(stderr(&ran), "");
    }
    let all = stdout(&offline(&["--help"]).success());
    for name in COMMANDS {
        assert!(all.contains(&format!("\n  {name} ")), "{all}");
    }
}

#[test]
fn what_is_not_known_is_said_with_what_is_meant() {
    for (args, words) in [
        (&["exprot"][..], "export"),
        (&["export", "--archiv", "x"], "--archive"),
        (&["build", "--clasic"], "--classic"),
        (&["diagnose", "--explain", "nothing"], "engine-reachable"),
        (&["export", "--site-engine", "new"], "--site-engine"),
        (&["build", "--classic", "--stay"], "cannot be used with"),
    ] {
        let ran = offline(args).code(2);
        assert!(stderr(&ran).contains(words), "{args:?}: {}", stderr(&ran));
        assert_eq!(stdout(&ran), "", "{args:?}");
    }
}

#[test]
fn rules_are_explained_in_both_languages() {
    let english = stdout(&offline(&["diagnose", "--explain", "copy-before-install"]).success());
    assert!(english.starts_with("copy-before-install"), "{english}");
    assert!(english.is_ascii(), "{english}");
    let args = [
        "diagnose",
        "--lang",
        "zh",
        "--explain",
        "copy-before-install",
    ];
    let chinese = stdout(&offline(&args).success());
    assert!(chinese.starts_with("copy-before-install"), "{chinese}");
    let is_chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    assert!(chinese.chars().filter(|c| is_chinese(*c)).count() > 20);
}

#[test]
fn a_log_is_read_without_an_engine() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("build.log");
    let text = "#5 [2/3] RUN apt-get update\n#5 1.2 Err:1 http://mirror.example/debian bookworm InRelease\n#5 1.3   Temporary failure resolving 'mirror.example'\n#5 ERROR: process \"/bin/sh -c apt-get update\" did not complete successfully: exit code: 100\n";
    std::fs::write(&log, text).unwrap();
    let ran = offline(&[
        "diagnose",
        "--log",
        log.to_str().unwrap(),
        "--format",
        "json",
    ]);
    let told = stdout(&ran);
    let document: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert!(document.to_string().contains("apt"), "{told}");

    let missing = folder.path().join("no.log");
    let ran = offline(&["diagnose", "--log", missing.to_str().unwrap()]).code(61);
    let words = stderr(&ran);
    for part in ["no.log", "caused by:", "hint:"] {
        assert!(words.contains(part), "{words}");
    }
}

#[test]
fn an_engine_that_does_not_answer_is_named_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("compose.yaml");
    std::fs::write(&file, "services: {web: {image: nginx}}\n").unwrap();
    let file = file.to_str().unwrap();
    for name in ["export", "build"] {
        let ran = offline(&[name, "-f", file]).failure();
        let words = stderr(&ran);
        assert!(words.contains("hint:"), "{name}: {words}");
        assert!(!words.contains("panicked"), "{name}: {words}");
        assert_eq!(stdout(&ran), "", "{name}");
    }
}

#[test]
fn completion_is_written_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let text = stdout(&offline(&["completion", shell]).success());
        assert!(text.contains("docker-offline-export"), "{shell}: {text}");
    }
}
