//! A disk that is full is named, at export, while unpacking and while loading;
//! with more room the same command goes on and succeeds.

use docker_offline_tests::{Carried, Engine, Ran, Workspace};

const DISK_FULL: i32 = 60;

/// About 50 MB once it is packed.
fn project() -> Workspace {
    Workspace::of_files(
        "room",
        &[
            (
                "compose.yaml",
                "name: room\nservices:\n  app:\n    build: ./app\n    image: room-app:dev\n",
            ),
            (
                "app/Dockerfile",
                "FROM debian:bookworm-slim\nRUN echo one > /one\nCOPY data.txt /data.txt\n",
            ),
            ("app/data.txt", "data\n"),
        ],
    )
}

fn says_disk_full(ran: &Ran, place: &str) {
    ran.assert_failure(DISK_FULL, &["space", place]);
}

#[test]
fn at_export_in_the_bundle_folder() {
    let engine = Engine::with_plugin("28-overlay2-connected");
    let project = project();
    let disk = project.join("small");
    engine.small_disk(&disk, "16m");
    let export = || {
        engine
            .offline(
                project.path(),
                ["export", "--cache-dir", "small/cache", "--archive", "none"],
            )
            .run()
    };
    says_disk_full(&export(), "small");
    engine.small_disk(&disk, "300m");
    let ran = export();
    assert!(ran.ok(), "with more room: {ran}");
}

#[test]
fn at_export_of_the_archive() {
    let engine = Engine::with_plugin("28-overlay2-connected");
    let project = project();
    let disk = project.join("small");
    // Room for the four binaries beside it, and not for the archive.
    engine.small_disk(&disk, "40m");
    let export = || {
        engine
            .offline(
                project.path(),
                ["export", "--archive", "small/build-cache-1.tar"],
            )
            .run()
    };
    says_disk_full(&export(), "small");
    let left = engine
        .run_in(&disk, "ls")
        .args(["-a", "-1"])
        .quietly()
        .succeeds()
        .stdout;
    assert!(
        !left.contains("build-cache-1.tar\n"),
        "half an archive must not have the name of a whole one: {left}"
    );
    engine.small_disk(&disk, "400m");
    let ran = export();
    assert!(ran.ok(), "with more room: {ran}");
}

#[test]
fn while_unpacking_and_while_loading() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let carried = Carried::export(&connected, project(), &[]);
    drop(connected);

    let (site, project) = carried.arrive("28-overlay2-airgapped");
    let disk = project.join("small");
    site.small_disk(&disk, "16m");
    let build = || {
        site.offline(
            project.path(),
            ["build", "--cache-dir", "small/cache", "--bundle"],
        )
        .arg(carried.archive())
        .run()
    };
    says_disk_full(&build(), "small");
    assert_eq!(site.images(), Vec::<String>::new(), "nothing was loaded");
    site.small_disk(&disk, "300m");
    let ran = build();
    assert!(ran.ok(), "with more room: {ran}");
    drop(site);

    println!("  the engine's own disk");
    let site = Engine::with_small_disk("28-overlay2-airgapped", "48m");
    site.install_plugin();
    let ran = site
        .offline(
            project.path(),
            ["build", "--cache-dir", "on-site", "--bundle"],
        )
        .arg(carried.archive())
        .run();
    ran.assert_failure(DISK_FULL, &["space"]);
    let data = site.home().with_file_name("data");
    site.small_disk(&data, "2g");
    let ran = site
        .offline(
            project.path(),
            ["build", "--cache-dir", "on-site", "--bundle"],
        )
        .arg(carried.archive())
        .run();
    assert!(ran.ok(), "with more room: {ran}");
    let (ran, log) = site.compose_build(project.path(), &[]);
    assert!(ran.ok(), "{ran}");
    log.assert_only_ran(&[]);
}
