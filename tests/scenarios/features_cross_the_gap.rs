//! Every way of asking for an image survives the trip: unnamed stages, mounts,
//! heredocs, ONBUILD, named contexts, pins.

use docker_offline_tests::{Carried, Engine, Workspace, pairs, registry, say};

const FILES: [&str; 6] = [
    "-f",
    "compose.yaml",
    "-f",
    "compose.override.yaml",
    "-f",
    "compose.pinned.yaml",
];

#[test]
fn features_hits_every_step_on_the_same_kind_of_engine() {
    let stores = if pairs().len() > 1 {
        vec!["overlay2", "containerd"]
    } else {
        vec!["overlay2"]
    };
    for store in stores {
        println!("  28-{store} -> 28-{store}");
        let pin = registry::digest_of("library/debian", "multi");
        let connected = Engine::with_plugin(&format!("28-{store}-connected"));
        let project = Workspace::of_example("features");
        // A pin is written down in the project, for both sides.
        let env = format!("{}PINNED_DIGEST={pin}\n", project.read(".env"));
        project.write(".env", env);
        let site_engine = format!("28.5,{store}");
        let flags: Vec<&str> = [
            "--all-profiles",
            "--no-record",
            "--site-engine",
            &site_engine,
        ]
        .into_iter()
        .chain(FILES)
        .collect();
        let carried = Carried::export(&connected, project, &flags);
        drop(connected);
        one_site(&carried, &format!("28-{store}-airgapped"));
    }
}

fn one_site(carried: &Carried, kind: &str) {
    let (site, project) = carried.arrive(kind);
    let folder = project.path();
    let ran = site
        .offline(folder, ["build", "--all-profiles", "--bundle"])
        .arg(carried.archive())
        .args(FILES)
        .within(600)
        .succeeds();
    ran.assert_no_panic();

    let named = "build-cache/.site/compose.offline.yaml";
    let generated = project.join(named);
    let mut files: Vec<&str> = FILES.to_vec();
    if generated.exists() {
        say(format!("{named} was written"));
        files.extend(["-f", named]);
        assert!(
            ran.all().contains("export COMPOSE_FILE="),
            "the next command names it: {ran}"
        );
    }
    let build = |services: &[&str]| {
        let ran = site
            .docker(folder, ["compose", "--progress", "plain"])
            .args(&files)
            .args(["--profile", "debug", "build"])
            .args(services)
            .run();
        let log = docker_offline_tests::BuildLog::of(&ran.all());
        say(format!("      {log}"));
        assert!(ran.ok(), "{ran}");
        log
    };
    let log = build(&[]);
    log.assert_only_ran(&[]);
    assert!(
        log.runs_cached() >= 20,
        "all of the project's RUN steps are in the log: {log}"
    );

    // An edit after apt in a base of others; what builds upon it runs again, apt does not.
    project.write("base/motd", "edited on site\n");
    let log = build(&["base"]);
    log.assert_cached("apt-get");
    project.write("mounts/input.txt", "edited on site\n");
    let log = build(&["mounts"]);
    log.assert_cached("/cache.txt");
    assert!(
        !log.runs_executed().is_empty(),
        "what reads the edited file runs again: {log}"
    );

    site.docker(folder, ["compose"])
        .args(&files)
        .args(["--profile", "debug", "up", "-d"])
        .succeeds();
    site.answers("http://127.0.0.1:8090/", "<");
    site.docker(folder, ["compose"])
        .args(&files)
        .args(["--profile", "debug", "down", "-t", "1"])
        .succeeds();
}
