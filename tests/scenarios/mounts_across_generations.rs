//! `RUN --mount` has other cache keys on another generation of engines. With the
//! site named, the export says so; the build says it before anything hangs.

use docker_offline_tests::{Carried, Engine, Workspace};

fn project() -> Workspace {
    Workspace::of_files(
        "mounts",
        &[
            (
                "compose.yaml",
                "services:\n  tools:\n    build: ./tools\n    image: tools:dev\n  plain:\n    build: ./plain\n    image: plain:dev\n",
            ),
            (
                "tools/Dockerfile",
                "FROM debian:bookworm-slim\nRUN --mount=type=cache,target=/var/cache/apt \\\n    apt-get update && apt-get install -y --no-install-recommends jq\n",
            ),
            (
                "plain/Dockerfile",
                "FROM debian:bookworm-slim\nRUN apt-get update && apt-get install -y --no-install-recommends jq\nCOPY data.txt /data.txt\n",
            ),
            ("plain/data.txt", "data\n"),
        ],
    )
}

#[test]
fn mounts_across_generations_are_said_at_export_and_before_the_build() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let carried = Carried::export(&connected, project(), &["--no-record"]);
    for words in ["RUN --mount", "tools", "tools/Dockerfile:2"] {
        assert!(
            carried.told.contains(words),
            "the export warns of {words:?}: {}",
            carried.told
        );
    }
    let ran = connected
        .offline(
            carried.project.path(),
            [
                "export",
                "--dry-run",
                "--no-record",
                "--site-engine",
                "26.1,overlay2",
            ],
        )
        .run();
    ran.assert_no_panic();
    for words in ["tools/Dockerfile:2", "apt"] {
        assert!(ran.all().contains(words), "{words:?}: {ran}");
    }
    drop(connected);

    let (site, project) = carried.arrive("26-overlay2-airgapped");
    let ran = site
        .offline(project.path(), ["build", "--bundle"])
        .arg(carried.archive())
        .within(90)
        .run();
    ran.assert_in_words();
    for words in ["tools", "Dockerfile:2", "--mount"] {
        assert!(
            ran.stderr.contains(words),
            "the build says {words:?}: {ran}"
        );
    }
    assert!(
        !ran.all().contains("Temporary failure"),
        "apt-get was never started: {ran}"
    );
    assert!(
        matches!(ran.code, 36 | 51),
        "EngineIncompatible or BuildPartial: {ran}"
    );

    // What the site can take from the bundle is not lost with the rest.
    site.offline(project.path(), ["build", "plain", "--bundle"])
        .arg(carried.archive())
        .succeeds();
    project.write("plain/data.txt", "edited\n");
    let (ran, log) = site.compose_build(project.path(), &["plain"]);
    assert!(ran.ok(), "{ran}");
    log.assert_only_ran(&[]);
    log.assert_cached("apt-get");
}
