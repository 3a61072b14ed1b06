//! What Docker's CLI and scripts rely on when they start the binary.

// Clippy allows it by itself only inside of #[test] functions.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Output, Stdio};

fn plugin(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_docker-offline"));
    command.args(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn docker_reads_who_it_is() {
    let output = plugin(&["docker-cli-plugin-metadata"]);
    assert!(output.status.success());
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(metadata["SchemaVersion"], "0.1.0");
}

#[test]
fn version_is_the_same_wherever_it_is_asked_for() {
    let versions = [
        plugin(&["version"]),
        plugin(&["--version"]),
        plugin(&["offline", "version"]),
        plugin(&["--context", "x", "offline", "--version"]),
    ];
    for output in &versions {
        assert_eq!(stdout(output), stdout(&versions[0]));
    }
    assert!(stdout(&versions[0]).starts_with("docker-offline version v"));
}

#[test]
fn build_has_its_own_version_flag() {
    let output = plugin(&["offline", "build", "--help"]);
    assert!(stdout(&output).contains("--version <TAG>"));
}

#[test]
fn a_mistake_on_the_command_line_ends_with_2_and_says_nothing_on_stdout() {
    for args in [&["offline", "buidl"][..], &["offline", "export", "--bad"]] {
        let output = plugin(args);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
}

#[test]
fn a_reader_that_has_gone_is_no_crash() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_docker-offline"))
        .args(["completion", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}

#[test]
fn completion_answers_in_dockers_protocol() {
    let output = plugin(&["__complete", "offline", "build", "--cl"]);
    assert_eq!(
        stdout(&output),
        "--classic\tBuild with the classic builder, which every engine from 20.10 on has (default: by what engine and bundle can do)\n:4\n"
    );
    let output = plugin(&["__completeNoDesc", "offline", "ex"]);
    assert_eq!(stdout(&output), "export\n:4\n");
}
