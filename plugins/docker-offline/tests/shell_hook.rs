//! `docker offline-build` and its like reach Docker in words that it accepts,
//! in every shell that there is a hook for. The shell is real; what stands for
//! docker only shows the arguments that the shell hands over.

// Clippy allows it by itself only inside of #[test] functions.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

const TYPED: &str = r#"
docker offline-export --help
docker --context "a b" offline-build --classic 'x y' ""
docker -Dc ctx -H tcp://h:1 offline-diagnose -f -
docker --config=/x --tlsverify offline-export web
docker help offline-build
docker __complete offline-build ""
docker ps -a offline-build
docker run --rm offline-export x
docker --context
docker
"#;

const HANDED_OVER: &str = "\
[offline][export][--help]
[--context][a b][offline][build][--classic][x y][]
[-Dc][ctx][-H][tcp://h:1][offline][diagnose][-f][-]
[--config=/x][--tlsverify][offline][export][web]
[help][offline][build]
[__complete][offline][build][]
[ps][-a][offline-build]
[run][--rm][offline-export][x]
[--context]

";

const SHOW_ARGUMENTS: &str = "#!/bin/sh\nfor a; do printf '[%s]' \"$a\"; done; echo\n";

/// Types the lines into a shell that has set up the hook as the README says.
fn typed_into(shell: &str, set_up: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hook-{shell}"));
    fs::create_dir_all(&folder).unwrap();
    let docker = folder.join("docker");
    fs::write(&docker, SHOW_ARGUMENTS).unwrap();
    fs::set_permissions(&docker, fs::Permissions::from_mode(0o755)).unwrap();
    let binary = env!("CARGO_BIN_EXE_docker-offline");
    let set_up = set_up.replace("BINARY", binary);
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let output = Command::new(shell)
        .arg("-c")
        .arg(format!("{set_up}\n{TYPED}"))
        .env("PATH", path)
        .env("HOME", &folder)
        .output()
        .unwrap();
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn is_there(shell: &str) -> bool {
    Command::new(shell).arg("--version").output().is_ok()
}

#[test]
fn bash() {
    let output = typed_into("bash", r#"set -eu; eval "$(BINARY shell-hook bash)""#);
    assert_eq!(output, HANDED_OVER);
}

#[test]
fn zsh() {
    if is_there("zsh") {
        let options = "setopt ksharrays shwordsplit nounset";
        let output = typed_into(
            "zsh",
            &format!(r#"{options}; eval "$(BINARY shell-hook zsh)""#),
        );
        assert_eq!(output, HANDED_OVER);
    }
}

#[test]
fn fish() {
    if is_there("fish") {
        let output = typed_into("fish", "BINARY shell-hook fish | source");
        assert_eq!(output, HANDED_OVER);
    }
}
