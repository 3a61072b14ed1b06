use std::ffi::OsString;

use clap::{Command, CommandFactory as _};
use clap_complete::{Shell, generate};
use offline_core::engine::Docker;
use offline_terminal::Command as _;

use crate::args::Cli;

/// Answers Docker's request to complete the words after `docker offline`.
pub(crate) fn answer(words: &[OsString], descriptions: bool, global_args: &[OsString]) -> String {
    let more = |_: &str, id: &str, before: &[String]| match id {
        "services" => services(before, global_args),
        "archive" => Some(vec!["none".to_owned()]),
        _ => None,
    };
    offline_terminal::complete(&Cli::command(), words, descriptions, &more)
}

/// The services of the project that is being typed, as Compose names them.
/// Where there is none, there is nothing to offer.
fn services(before: &[String], global_args: &[OsString]) -> Option<Vec<String>> {
    let docker = Docker::new(global_args.to_vec()).ok()?;
    let mut args = vec!["compose".to_owned()];
    args.extend(compose_flags(before));
    args.extend(["config".to_owned(), "--services".to_owned()]);
    let output = docker.output(args).ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.lines().map(str::to_owned).collect())
}

/// Those flags of a command line that are Compose's own.
fn compose_flags(before: &[String]) -> Vec<String> {
    const VALUED: [&str; 7] = [
        "-f",
        "--file",
        "--profile",
        "--project-directory",
        "-p",
        "--project-name",
        "--env-file",
    ];
    let mut flags = Vec::new();
    let mut words = before.iter();
    while let Some(word) = words.next() {
        let name = word.split('=').next().unwrap_or(word);
        if VALUED.contains(&word.as_str()) {
            flags.push(word.clone());
            flags.extend(words.next().cloned());
        } else if word == "--all-profiles" || word.contains('=') && VALUED.contains(&name) {
            flags.push(word.clone());
        }
    }
    flags
}

/// Completion scripts for the binaries that are called by their own name.
/// `docker offline` itself is completed by Docker.
pub(crate) fn script(shell: Shell) -> Vec<u8> {
    let commands: [Command; 4] = [
        docker_offline_export::Args::clap_of_binary(),
        docker_offline_build::Args::clap_of_binary(),
        docker_offline_diagnose::Args::clap_of_binary(),
        Cli::command(),
    ];
    let mut script = Vec::new();
    for mut command in commands {
        let name = command.get_name().to_owned();
        generate(shell, &mut command, name, &mut script);
        script.push(b'\n');
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compose_is_asked_with_the_flags_typed_so_far() {
        let typed = [
            "export",
            "-f",
            "a.yaml",
            "--archive",
            "none",
            "--profile=x",
            "web",
        ];
        let typed: Vec<String> = typed.iter().map(ToString::to_string).collect();
        assert_eq!(compose_flags(&typed), ["-f", "a.yaml", "--profile=x"]);
    }

    #[test]
    fn each_binary_has_a_script_for_each_shell() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell] {
            let script = String::from_utf8(script(shell)).unwrap();
            for name in ["export", "build", "diagnose"] {
                assert!(
                    script.contains(&format!("docker-offline-{name}")),
                    "{shell}"
                );
            }
        }
    }
}
