use std::fmt::Write as _;

use super::*;
use crate::project::from_config;

/// The obstacles of a service with this Dockerfile.
fn obstacles(dockerfile: &str) -> Vec<(u32, String)> {
    of_build(dockerfile, "", &[])
}

fn of_build(dockerfile: &str, keys: &str, files: &[(&str, &str)]) -> Vec<(u32, String)> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let context = folder.path().display();
    let mut build = format!(r#""context": "{context}""#);
    if !keys.is_empty() {
        write!(build, ", {keys}").unwrap();
    }
    let config = format!(
        r#"{{"name": "p", "services": {{"base": {{"build": {{"context": "{context}", "dockerfile_inline": "FROM a"}}}}, "s": {{"build": {{{build}}}}}}}}}"#
    );
    let project = from_config(&config, &[folder.path().join("compose.yaml")]).unwrap();
    let platform = "linux/amd64".parse().unwrap();
    let closure = crate::closure::resolve(&project, &["s".into()], &platform).unwrap();
    let build = closure.service("s").unwrap().build.as_ref().unwrap();
    let found = classic_obstacles(build, "linux/amd64").into_iter();
    found.map(|o| (o.line, o.what)).collect()
}

fn none() -> Vec<(u32, String)> {
    Vec::new()
}

fn one(line: u32, what: &str) -> Vec<(u32, String)> {
    vec![(line, what.to_owned())]
}

#[test]
fn what_every_engine_since_20_10_builds() {
    let plain = "# syntax=docker/dockerfile:1\nARG BASE=a\nFROM --platform=linux/amd64 ${BASE:-b} AS one\nARG V=1 W\nENV X=${V}\nRUN echo ${X#1} && cat <file\nCOPY --chown=1:1 x y\nADD --chown=1 t.tar /\nFROM b\nCOPY --from=one /x /y\nCOPY --from=alpine:3 /x /z\nCOPY --from=0 /x /z\nONBUILD RUN true\nHEALTHCHECK --start-period=1s CMD true\nCMD [\"x\", \"${Y#1}\"]\n";
    assert_eq!(obstacles(plain), none());
    assert_eq!(
        obstacles("FROM --platform=$BUILDPLATFORM a\nARG TARGETARCH\n"),
        none()
    );
}

#[test]
fn flags_of_run() {
    for flag in [
        "mount=type=cache,target=/x",
        "network=none",
        "security=insecure",
    ] {
        let name = flag.split('=').next().unwrap();
        let found = obstacles(&format!("FROM a\nRUN --{flag} true\n"));
        assert_eq!(found, one(2, &format!("RUN --{name}")));
    }
}

#[test]
fn heredocs() {
    assert_eq!(
        obstacles("FROM a\nRUN <<EOF\ntrue\nEOF\nCOPY <<F /x\ny\nF\n"),
        [
            (2, "RUN with a heredoc".to_owned()),
            (5, "COPY with a heredoc".to_owned())
        ]
    );
}

#[test]
fn flags_of_copy_and_add() {
    for flag in ["link", "link=false", "chmod=755", "parents", "exclude=*.md"] {
        let name = flag.split('=').next().unwrap();
        let found = obstacles(&format!("FROM a\nCOPY --{flag} x y\n"));
        assert_eq!(found, one(2, &format!("COPY --{name}")));
    }
    for flag in [
        "link",
        "chmod=1",
        "checksum=sha256:ab",
        "keep-git-dir=true",
        "exclude=x",
    ] {
        let name = flag.split('=').next().unwrap();
        let found = obstacles(&format!("FROM a\nADD --{flag} x y\n"));
        assert_eq!(found, one(2, &format!("ADD --{name}")));
    }
}

#[test]
fn what_add_fetches() {
    let url = "FROM a\nARG U=https://x/y.tgz\nADD $U /\n";
    let what = "ADD from a URL, which it downloads in every build";
    assert_eq!(obstacles(url), one(3, what));
    let git = obstacles("FROM a\nADD https://x/y.git /\n");
    assert_eq!(git, one(2, "ADD from a git repository"));
}

#[test]
fn named_contexts_that_are_used() {
    let keys =
        r#""additional_contexts": {"lib": "/l", "b": "docker-image://a:1", "sib": "service:base"}"#;
    assert_eq!(of_build("FROM a\nRUN true\n", keys, &[]), none());
    let found = of_build(
        "FROM b\nCOPY --from=lib /x /y\nCOPY --from=sib /x /z\n",
        keys,
        &[],
    );
    let lines: Vec<(u32, &str)> = found.iter().map(|(l, w)| (*l, w.as_str())).collect();
    assert_eq!(
        lines,
        [
            (1, "the named context b"),
            (2, "the named context lib"),
            (3, "the named context sib")
        ]
    );
    let whole = of_build("FROM x AS lib\nRUN true\nFROM lib\n", keys, &[]);
    assert_eq!(whole, one(1, "the named context lib"));
}

#[test]
fn another_platform() {
    let found = obstacles("FROM --platform=linux/arm64 a AS x\nFROM b\nCOPY --from=x /a /b\n");
    assert_eq!(found, one(1, "FROM for linux/arm64"));
}

#[test]
fn names_used_twice() {
    let found = obstacles("FROM a AS x\nFROM x AS X\nFROM x\n");
    assert_eq!(found, one(2, "a second stage of the name X"));
}

#[test]
fn substitutions_that_20_10_does_not_know() {
    let found = obstacles("ARG V=v1\nFROM a:${V#v}\nENV W=${V%1}\n");
    assert_eq!(
        found,
        [
            (2, "the substitution ${V#v}".to_owned()),
            (3, "the substitution ${V%1}".to_owned())
        ]
    );
}

#[test]
fn args_of_the_stage_below() {
    let lost = obstacles("FROM a AS x\nARG V=1\nENV E=2\nFROM x\nRUN echo $V $E\n");
    let what = "V, an ARG of the stage that this one starts from";
    assert_eq!(lost, one(5, what));
    let again = obstacles("FROM a AS x\nARG V=1\nFROM x\nARG V=1\nRUN echo $V\n");
    assert_eq!(again, none());
}

#[test]
fn flags_of_healthcheck_and_what_onbuild_triggers() {
    let found = obstacles("FROM a\nHEALTHCHECK --start-interval=1s CMD true\n");
    assert_eq!(found, one(2, "HEALTHCHECK --start-interval"));
    let found = obstacles("FROM a\nONBUILD RUN --mount=type=cache,target=/x true\n");
    assert_eq!(found, one(2, "RUN --mount"));
}

#[test]
fn stages_that_the_target_does_not_need() {
    let file = "FROM a AS unused\nRUN --mount=type=cache,target=/x true\nFROM b\nRUN true\n";
    assert_eq!(obstacles(file), none());
}

#[test]
fn an_ignore_file_of_its_own() {
    let file = "FROM a\nCOPY . /x\n";
    let own = ("Dockerfile.dockerignore", "a\n");
    assert_eq!(
        of_build(file, "", &[own]),
        one(2, "Dockerfile.dockerignore, which only BuildKit reads")
    );
    assert_eq!(of_build(file, "", &[own, (".dockerignore", "a\n")]), none());
    assert_eq!(of_build("FROM a\n", "", &[own]), none());
}

#[test]
fn a_remote_context() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        r#"{"name": "p", "services": {"s": {"build": {"context": "https://github.com/a/b.git"}}}}"#;
    let project = from_config(config, &[folder.path().join("compose.yaml")]).unwrap();
    let platform = "linux/amd64".parse().unwrap();
    let closure = crate::closure::resolve(&project, &[], &platform).unwrap();
    let build = closure.services[0].build.as_ref().unwrap();
    let found = classic_obstacles(build, "linux/amd64");
    assert_eq!(found[0].what, "a remote build context");
}
