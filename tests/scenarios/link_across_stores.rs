//! `COPY --link` has other cache keys on the other kind of store. The export
//! warns, and the build says which step will miss and why before anything hangs.

use docker_offline_tests::{Carried, Engine, Workspace};

fn project() -> Workspace {
    Workspace::of_files(
        "link",
        &[
            (
                "compose.yaml",
                "services:\n  tools:\n    build: ./tools\n    image: tools:dev\n",
            ),
            (
                "tools/Dockerfile",
                "FROM debian:bookworm-slim\nCOPY --link data.txt /data.txt\nRUN apt-get update && apt-get install -y --no-install-recommends jq\n",
            ),
            ("tools/data.txt", "data\n"),
        ],
    )
}

#[test]
fn link_across_stores_is_said_at_export_and_before_the_build() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let carried = Carried::export(&connected, project(), &["--no-record"]);
    for words in ["--link", "tools", "tools/Dockerfile:2", "containerd"] {
        assert!(
            carried.told.contains(words),
            "the export warns of {words:?}: {}",
            carried.told
        );
    }

    // With the site known, it names the network step that will run again.
    let ran = connected
        .offline(
            carried.project.path(),
            [
                "export",
                "--dry-run",
                "--no-record",
                "--site-engine",
                "28.5,containerd",
            ],
        )
        .run();
    ran.assert_no_panic();
    for words in ["tools/Dockerfile:2", "apt"] {
        assert!(ran.all().contains(words), "{words:?}: {ran}");
    }
    // On the same kind of store there is nothing to say of BuildKit's cache.
    let ran = connected
        .offline(
            carried.project.path(),
            [
                "export",
                "--dry-run",
                "--no-record",
                "--site-engine",
                "28.5,overlay2",
            ],
        )
        .succeeds();
    assert!(!ran.all().contains("--link"), "{ran}");
    drop(connected);

    let (site, project) = carried.arrive("28-containerd-airgapped");
    let ran = site
        .offline(project.path(), ["build", "--bundle"])
        .arg(carried.archive())
        .within(60)
        .run();
    ran.assert_in_words();
    for words in ["tools", "Dockerfile:2", "--link", "store"] {
        assert!(
            ran.stderr.contains(words),
            "the build says {words:?}: {ran}"
        );
    }
    assert!(
        !ran.all().contains("Temporary failure") && !ran.all().contains("Could not resolve"),
        "apt-get was never started: {ran}"
    );
    assert!(
        matches!(ran.code, 36 | 51),
        "EngineIncompatible or BuildPartial: {ran}"
    );
    assert!(
        !ran.stdout.contains("docker compose up -d --build"),
        "that would hang in apt-get: {ran}"
    );
}

#[test]
fn link_on_the_same_kind_of_store_hits() {
    let connected = Engine::with_plugin("28-containerd-connected");
    let carried = Carried::export(
        &connected,
        project(),
        &["--no-record", "--site-engine", "28.5,containerd"],
    );
    drop(connected);
    let (site, project) = carried.arrive("28-containerd-airgapped");
    site.offline(project.path(), ["build", "--bundle"])
        .arg(carried.archive())
        .succeeds();
    let (ran, log) = site.compose_build(project.path(), &[]);
    assert!(ran.ok(), "{ran}");
    log.assert_only_ran(&[]);
    log.assert_cached("apt-get");
}
