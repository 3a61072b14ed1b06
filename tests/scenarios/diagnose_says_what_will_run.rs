//! What `docker offline diagnose --why` foretells is what a build then does:
//! step by step, after each kind of edit.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use docker_offline_tests::{Carried, Engine, Workspace};

const DOCKERFILE: &str = "FROM debian:bookworm-slim\nARG MODE=fast\nRUN echo first\nCOPY list.txt /list.txt\nRUN echo second\nCOPY . /all\nRUN echo third\n";

fn project() -> Workspace {
    Workspace::of_files(
        "why",
        &[
            (
                "compose.yaml",
                "services:\n  tools:\n    build:\n      context: ./tools\n      args: {MODE: fast}\n    image: tools:dev\n",
            ),
            ("tools/Dockerfile", DOCKERFILE),
            ("tools/.dockerignore", "Dockerfile\n"),
            ("tools/list.txt", "one\n"),
            ("tools/run.sh", "#!/bin/sh\n"),
        ],
    )
}

/// An edit, the words that must stand in the reason, and the RUNs that follow.
type Edit = (fn(&Path), &'static [&'static str], &'static [&'static str]);

const EDITS: &[Edit] = &[
    (
        |tools| fs::write(tools.join("list.txt"), "two\n").unwrap(),
        &["list.txt (changed)", "miss    4"],
        &["echo second", "echo third"],
    ),
    (
        |tools| {
            let mode = fs::Permissions::from_mode(0o750);
            fs::set_permissions(tools.join("run.sh"), mode).unwrap();
        },
        &["run.sh (other permissions)", "miss    6"],
        &["echo third"],
    ),
    (
        |tools| fs::write(tools.join("run.sh"), "#!/bin/sh\r\n").unwrap(),
        &["run.sh (other line ends)", "miss    6"],
        &["echo third"],
    ),
    (
        |tools| fs::write(tools.join("new.txt"), "new\n").unwrap(),
        &["new.txt (new)", "miss    6"],
        &["echo third"],
    ),
    (
        |tools| {
            let file = tools.parent().unwrap().join("compose.yaml");
            let text = fs::read_to_string(&file).unwrap();
            fs::write(file, text.replace("MODE: fast", "MODE: slow")).unwrap();
        },
        &["MODE was fast at the export, and is slow", "miss    3"],
        &["echo first", "echo second", "echo third"],
    ),
    (
        |tools| {
            let text = DOCKERFILE.replace("echo second", "echo other");
            fs::write(tools.join("Dockerfile"), text).unwrap();
        },
        &["line 5 said at the export: RUN echo second", "miss    5"],
        &["echo other", "echo third"],
    ),
    (
        |tools| {
            let text = DOCKERFILE.replace("debian:bookworm-slim", "python:3.11-slim");
            fs::write(tools.join("Dockerfile"), text).unwrap();
        },
        &["debian:bookworm-slim", "python:3.11-slim", "miss    1"],
        &[],
    ),
];

#[test]
fn the_reason_is_named_and_the_build_runs_what_was_said() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let carried = Carried::export(&connected, project(), &[]);
    drop(connected);
    for (number, (edit, reasons, runs)) in EDITS.iter().enumerate() {
        // A site of its own for each: a build leaves its steps in the cache.
        let (site, project) = carried.arrive("28-overlay2-airgapped");
        site.offline(project.path(), ["build", "--bundle"])
            .arg(carried.archive())
            .succeeds();
        let why = ["diagnose", "--why", "tools", "--lang", "en"];
        let before = site.offline(project.path(), why).succeeds();
        assert!(before.stdout.contains("all 6 steps"), "{number}: {before}");
        edit(&project.path().join("tools"));
        let said = site.offline(project.path(), why).succeeds();
        for words in *reasons {
            assert!(said.stdout.contains(words), "{number}: {words}: {said}");
        }
        if runs.is_empty() {
            continue;
        }
        let (ran, log) = site.compose_build(project.path(), &[]);
        assert!(ran.ok(), "{number}: {ran}");
        log.assert_only_ran(runs);
    }
}
