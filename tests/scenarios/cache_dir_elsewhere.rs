//! The bundle folder may be anywhere: on another disk, under a name with spaces,
//! commas and quotes; given as a flag or as the variable of make.

use std::path::Path;

use docker_offline_tests::{Engine, Workspace, on_machine, repository};

const COMPOSE: &str = "services:\n  app:\n    build: ./app\n    image: app:dev\n";
/// The step cannot give the same twice: only a cache does.
const DOCKERFILE: &str = "FROM busybox:1.36 AS build\nRUN head -c 16 /dev/urandom | md5sum > /stamp\nFROM busybox:1.36\nCOPY --from=build /stamp /stamp\nCOPY word /word\n";
/// What shells, CSV, make and bake could stumble over.
const NAME: &str = "my cache, the \"big\" ${ONE}";

fn project() -> Workspace {
    Workspace::of_files(
        "elsewhere",
        &[
            ("compose.yaml", COMPOSE),
            ("app/Dockerfile", DOCKERFILE),
            ("app/word", "one\n"),
        ],
    )
}

fn stamp(engine: &Engine, folder: &Path) -> String {
    let cat = ["run", "--rm", "app:dev", "cat", "/stamp"];
    engine.docker(folder, cat).succeeds().stdout
}

fn copy(engine: &Engine, from: &Path, to: &Path) {
    engine.run("cp").arg("-r").arg(from).arg(to).succeeds();
}

#[test]
fn a_folder_on_another_disk_with_a_difficult_name() {
    let project = project();
    let connected = Engine::with_plugin("28-overlay2-connected");
    let disk = Workspace::empty("disk");
    let carried = Workspace::empty("carried");
    connected.small_disk(disk.path(), "512m");
    let bundle = disk.join(NAME);
    let export = connected
        .offline(project.path(), ["export", "--cache-dir"])
        .arg(&bundle)
        .succeeds();
    assert!(
        export.stdout.contains(&format!("{NAME}-20")),
        "an archive beside it: {export}"
    );
    assert!(
        !project.join("build-cache").exists(),
        "nothing in the project"
    );
    connected
        .docker(project.path(), ["compose", "build"])
        .succeeds();
    let made = stamp(&connected, project.path());
    copy(&connected, &bundle, carried.path());
    let archives = ["sh", "-c", "cp \"$0\"/*.tar.zst \"$1\""];
    connected
        .run(archives[0])
        .args(&archives[1..])
        .arg(disk.path())
        .arg(carried.path())
        .succeeds();

    for kind in ["28-overlay2-airgapped", "26-containerd-airgapped"] {
        let site = Engine::with_plugin(kind);
        let disk = Workspace::empty("disk");
        site.small_disk(disk.path(), "64m");
        copy(&site, &carried.join(NAME), disk.path());
        let flags = |command| {
            let run = site.offline(project.path(), [command, "--cache-dir"]);
            run.arg(disk.join(NAME))
        };
        let report = flags("diagnose").args(["--format", "json"]).run();
        assert!(report.stdout.contains("my cache, the"), "{report}");
        flags("build").succeeds();
        assert_eq!(
            stamp(&site, project.path()),
            made,
            "from the cache on {kind}"
        );
        project.write("app/word", format!("{kind}\n"));
        let log = site.compose_up(project.path());
        assert!(log.runs_executed().is_empty(), "on {kind}: {log}");
        assert!(
            !project.join("build-cache").exists(),
            "nothing in the project"
        );
    }

    // The archive beside it is found, and unpacked there, by make's variable too.
    let site = Engine::with_plugin("28-containerd-airgapped");
    on_machine("rm")
        .arg("-rf")
        .arg(carried.join(NAME))
        .succeeds();
    project.write("Makefile", "include Makefile.offline.mk\n");
    let include = std::fs::read(repository().join("make/Makefile.offline.mk")).unwrap();
    project.write("Makefile.offline.mk", include);
    let variable = format!(
        "CACHE_DIR={}",
        carried.join(NAME).display().to_string().replace('$', "$$")
    );
    site.run_in(project.path(), "make")
        .args(["offline-build", &variable])
        .succeeds();
    assert!(
        carried.join(NAME).join("bundle.json").exists(),
        "unpacked there"
    );
    assert_eq!(stamp(&site, project.path()), made, "from the archive");
}
