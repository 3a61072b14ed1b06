//! A base that is an index of platforms, as on Docker Hub, and one that is
//! pinned by that index's digest, survive the trip to both stores; so does a pin
//! beside a tag that has moved on to another image.

use docker_offline_tests::{BuildLog, Carried, Engine, Workspace, pairs, registry, say};

fn project() -> Workspace {
    let pin = registry::digest_of("library/debian", "multi");
    let steps = "RUN echo one > /one\nCOPY data.txt /data.txt\nRUN cat /one /data.txt > /two\n";
    Workspace::of_files(
        "indexes",
        &[
            (
                "compose.yaml",
                "services:\n  by-tag:\n    build: ./by-tag\n    image: by-tag:dev\n  by-digest:\n    build: ./by-digest\n    image: by-digest:dev\n  moved-on:\n    build: ./moved-on\n    image: moved-on:dev\n",
            ),
            ("by-tag/Dockerfile", &format!("FROM debian:multi\n{steps}")),
            ("by-tag/data.txt", "data\n"),
            (
                "by-digest/Dockerfile",
                &format!("FROM debian:multi@{pin}\n{steps}"),
            ),
            ("by-digest/data.txt", "data\n"),
            (
                "moved-on/Dockerfile",
                &format!(
                    "FROM debian:bookworm-slim AS today\nRUN date > /date\n\
                     FROM debian:bookworm-slim@{pin}\nCOPY --from=today /date /date\n{steps}"
                ),
            ),
            ("moved-on/data.txt", "data\n"),
        ],
    )
}

#[test]
fn an_index_and_a_pin_by_its_digest_survive_the_trip_to_both_stores() {
    let from = if pairs().len() > 1 {
        vec!["overlay2", "containerd"]
    } else {
        vec!["overlay2"]
    };
    for from in from {
        let connected = Engine::with_plugin(&format!("28-{from}-connected"));
        let carried = Carried::export(&connected, project(), &[]);
        drop(connected);
        for to in ["containerd", "overlay2"] {
            println!("  28-{from} -> 28-{to}");
            one_site(&carried, &format!("28-{to}-airgapped"));
        }
    }
}

fn one_site(carried: &Carried, kind: &str) {
    let (site, project) = carried.arrive(kind);
    let folder = project.path();
    site.offline(folder, ["build", "--bundle"])
        .arg(carried.archive())
        .succeeds();
    if project.join("compose.override.yaml").exists() {
        say("compose.override.yaml was written");
    }
    let build = || {
        let ran = site
            .docker(folder, ["compose", "--progress", "plain"])
            .arg("build")
            .run();
        let log = BuildLog::of(&ran.all());
        say(format!("      {log}"));
        assert!(ran.ok(), "{ran}");
        log
    };
    build().assert_only_ran(&[]);
    for service in ["by-tag", "by-digest", "moved-on"] {
        project.write(
            &format!("{service}/data.txt"),
            format!("edited for {service}\n"),
        );
        let log = build();
        log.assert_only_ran(&["/data.txt > /two"]);
        log.assert_cached("echo one");
        // A change right after FROM builds upon the base itself, and its undo hits again.
        let file = format!("{service}/Dockerfile");
        let before = project.edit(
            &file,
            "RUN echo one",
            &format!("ENV EDITED={service}\nRUN echo one"),
        );
        build();
        project.write(&file, before);
        build().assert_only_ran(&[]);
    }
}
