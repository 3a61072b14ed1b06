//! What `docker offline diagnose --why` foretells is what a build then does:
//! step by step, after each kind of edit, on every pair of engines.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use docker_offline_tests::{BuildLog, Carried, Engine, Pair, Ran, Workspace, pairs};

const DOCKERFILE: &str = "FROM debian:bookworm-slim
ARG MODE=fast
RUN echo first
COPY list.txt /list.txt
RUN echo second
COPY . /all
RUN echo third
";

const LINKED: &str = "FROM busybox:1.36
RUN echo before
COPY --link data /data
RUN echo after
";

const COMPOSE: &str = "services:
  tools:
    build:
      context: ./tools
      args: {MODE: fast}
    image: tools:dev
  linked:
    build: ./linked
    image: linked:dev
";

fn project() -> Workspace {
    Workspace::of_files(
        "why",
        &[
            ("compose.yaml", COMPOSE),
            ("tools/Dockerfile", DOCKERFILE),
            ("tools/.dockerignore", "Dockerfile\n"),
            ("tools/list.txt", "one\n"),
            ("tools/run.sh", "#!/bin/sh\n"),
            ("linked/Dockerfile", LINKED),
            ("linked/data", "one\n"),
        ],
    )
}

/// An edit, the words that must stand in the reason, and the RUNs that follow.
struct Edit {
    make: fn(&Path),
    reasons: &'static [&'static str],
    runs: &'static [&'static str],
}

const EDITS: &[Edit] = &[
    Edit {
        make: |tools| fs::write(tools.join("list.txt"), "two\n").unwrap(),
        reasons: &["list.txt (changed)", "miss    4"],
        runs: &["echo second", "echo third"],
    },
    Edit {
        make: |tools| {
            let mode = fs::Permissions::from_mode(0o750);
            fs::set_permissions(tools.join("run.sh"), mode).unwrap();
        },
        reasons: &["run.sh (other permissions)", "miss    6"],
        runs: &["echo third"],
    },
    Edit {
        make: |tools| fs::write(tools.join("run.sh"), "#!/bin/sh\r\n").unwrap(),
        reasons: &["run.sh (other line ends)", "miss    6"],
        runs: &["echo third"],
    },
    Edit {
        make: |tools| fs::write(tools.join("new.txt"), "new\n").unwrap(),
        reasons: &["new.txt (new)", "miss    6"],
        runs: &["echo third"],
    },
    Edit {
        make: |tools| fs::remove_file(tools.join("run.sh")).unwrap(),
        reasons: &["run.sh (gone)", "miss    6"],
        runs: &["echo third"],
    },
    Edit {
        make: |tools| {
            let file = tools.parent().unwrap().join("compose.yaml");
            fs::write(file, COMPOSE.replace("MODE: fast", "MODE: slow")).unwrap();
        },
        reasons: &["MODE was fast at the export, and is slow", "miss    3"],
        runs: &["echo first", "echo second", "echo third"],
    },
    Edit {
        make: |tools| {
            let text = DOCKERFILE.replace("echo second", "echo other");
            fs::write(tools.join("Dockerfile"), text).unwrap();
        },
        reasons: &["line 5 said at the export: RUN echo second", "miss    5"],
        runs: &["echo other", "echo third"],
    },
    Edit {
        make: |tools| {
            let text = DOCKERFILE.replace("debian:bookworm-slim", "busybox:1.36");
            fs::write(tools.join("Dockerfile"), text).unwrap();
        },
        reasons: &["debian:bookworm-slim", "busybox:1.36", "miss    1"],
        runs: &["echo first", "echo second", "echo third"],
    },
];

fn why(site: &Engine, project: &Workspace, bundle: &Path, service: &str) -> Ran {
    let words = ["diagnose", "--why", service, "--lang", "en", "--bundle"];
    site.offline(project.path(), words).arg(bundle).succeeds()
}

/// The RUNs that are said not to come from the cache.
fn foretold(said: &Ran) -> Vec<String> {
    let runs = said.stdout.lines().filter_map(|line| {
        let line = line.trim_start();
        let rest = ["miss", "runs"]
            .iter()
            .find_map(|mark| line.strip_prefix(mark))?;
        let (_, text) = rest.trim_start().split_once("  ")?;
        text.strip_prefix("RUN ").map(str::to_owned)
    });
    runs.collect()
}

#[test]
fn the_reason_is_named_and_the_build_runs_what_was_said() {
    for pair in pairs() {
        println!("  {pair}");
        let connected = Engine::with_plugin(&pair.connected());
        let carried = Carried::export(&connected, project(), &["--no-record"]);
        drop(connected);
        let (site, project) = carried.arrive(&pair.airgapped());
        let built = site
            .offline(project.path(), ["build", "--bundle"])
            .arg(carried.archive())
            .succeeds();
        let bundle = project.join("build-cache");
        link_across_stores(pair, &why(&site, &project, &bundle, "linked"), &built);
        let before = why(&site, &project, &bundle, "tools");
        assert!(before.stdout.contains("all 6 steps"), "{before}");
        for (number, edit) in EDITS.iter().enumerate() {
            one_edit(number, edit, &site, &carried, &bundle);
        }
    }
}

/// Each edit in a copy of its own, so that none is of another one's making. What
/// one build leaves in the engine's cache is of no use to the next: each edit makes
/// keys that no other has.
fn one_edit(number: usize, edit: &Edit, site: &Engine, carried: &Carried, bundle: &Path) {
    let project = Workspace::copy_of(carried.project.path(), "edited");
    (edit.make)(&project.join("tools"));
    let said = why(site, &project, bundle, "tools");
    for words in edit.reasons {
        assert!(said.stdout.contains(words), "{number}: {words}: {said}");
    }
    assert_eq!(foretold(&said), edit.runs, "{number}: {said}");
    let (ran, log) = site.compose_build(project.path(), &["tools"]);
    assert!(ran.ok(), "{number}: {ran}");
    log.assert_only_ran(edit.runs);
    let executed = log.runs_executed().len();
    assert_eq!(executed, edit.runs.len(), "{number}: {log}");
}

/// The cache was warmed in the first build of the site, and what has run then was the
/// bundle's lack.
fn link_across_stores(pair: Pair, said: &Ran, built: &Ran) {
    let over = |line: &&str| !(line.starts_with("Warming") && line.contains("): "));
    let warmed: Vec<&str> = built.stderr.lines().take_while(over).collect();
    let log = BuildLog::of(&warmed.join("\n"));
    log.assert_cached("echo before");
    // On a containerd store it crosses no generation (engine fact 11).
    if pair.same_store() && (pair.same_generation() || pair.from == "overlay2") {
        assert!(said.stdout.contains("all 4 steps"), "{said}");
        log.assert_only_ran(&[]);
        return;
    }
    for words in ["miss    3", "because", "COPY --link has other cache keys"] {
        assert!(said.stdout.contains(words), "{words}: {said}");
    }
    assert_eq!(foretold(said), ["echo after"], "{said}");
    log.assert_only_ran(&["echo after"]);
    assert_eq!(log.runs_executed().len(), 1, "{log}");
}
