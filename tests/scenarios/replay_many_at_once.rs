//! Many replaying builds at once, and one that is interrupted: nobody waits for ever,
//! and nothing is left over.

use std::time::Duration;

use docker_offline_tests::{Carried, Engine, Origin, Running, Signal, Workspace, say};

const BUILDS: usize = 10;

fn project(origin: &Origin) -> Workspace {
    let environment = origin.environment();
    Workspace::of_files(
        "many",
        &[
            (
                "compose.yaml",
                "name: many\nservices:\n  app:\n    build: {context: ./app, args: {ORIGIN: \"${ORIGIN}\"}}\n    image: many-app:dev\n",
            ),
            (".env", &environment),
            (
                "app/Dockerfile",
                "FROM busybox:1.36\nARG ORIGIN\nWORKDIR /app\nCOPY . .\nRUN wget -q -O fetched \"$ORIGIN/app\"\nRUN sleep 2 && cat fetched words > all\n",
            ),
            ("app/words", "words 0\n"),
        ],
    )
}

#[test]
fn ten_builds_at_once_all_end_well() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::start(&connected);
    let carried = Carried::export(&connected, project(&origin), &[]);
    drop(connected);
    let (site, first) = carried.arrive("28-overlay2-airgapped");
    let bundle = carried.archive();
    site.offline(first.path(), ["build", "--bundle"])
        .arg(&bundle)
        .succeeds();

    let copies: Vec<Workspace> = (0..BUILDS)
        .map(|number| {
            let copy = Workspace::copy_of(first.path(), "copy");
            copy.write("app/words", format!("words {number}\n"));
            copy.edit("compose.yaml", "name: many", &format!("name: many{number}"));
            copy.edit(
                "compose.yaml",
                "many-app:dev",
                &format!("many-app:{number}"),
            );
            copy
        })
        .collect();
    let folder = first.join("build-cache");
    let running: Vec<Running> = copies
        .iter()
        .map(|copy| {
            site.offline(copy.path(), ["build", "--bundle"])
                .arg(&folder)
                .within(240)
                .start()
        })
        .collect();
    for (number, one) in running.into_iter().enumerate() {
        let ran = one.finish();
        assert!(ran.ok(), "{ran}");
        let image = format!("many-app:{number}");
        let cat = ["run", "--rm", &image, "cat", "/app/all"];
        let all = site.docker(first.path(), cat).quietly().succeeds().stdout;
        assert!(all.contains("answer of /app"), "{all}");
        assert!(all.contains(&format!("words {number}")), "{all}");
    }
    nothing_left(&site);

    say("one is interrupted while it replays");
    first.write("app/words", "interrupted\n");
    let mut one = site
        .offline(first.path(), ["build", "--progress", "plain"])
        .within(60)
        .start();
    assert!(one.wait_for("Replaying the recorded network"));
    std::thread::sleep(Duration::from_millis(500));
    one.signal_all(Signal::INT);
    let ran = one.finish();
    assert_eq!(ran.code, 130, "{ran}");
    nothing_left(&site);
    site.offline(first.path(), ["build"]).succeeds();

    say("one is killed");
    first.write("app/words", "killed\n");
    let mut one = site
        .offline(first.path(), ["build", "--progress", "plain"])
        .within(60)
        .start();
    assert!(one.wait_for("Replaying the recorded network"));
    one.signal_all(Signal::KILL);
    one.finish();
    site.offline(first.path(), ["build"]).succeeds();
    nothing_left(&site);
}

/// No process of ours, no port, no container, no image of ours, no file in a folder
/// for temporary ones.
fn nothing_left(site: &Engine) {
    let look = "ss -Hltn 2>/dev/null | grep -v -e '127.0.0.1' -e '::1' | grep 172.17 ; docker ps -aq; docker image ls -q docker-offline.invalid/replay";
    let left = site.run("sh").args(["-c", look]).quietly().run().stdout;
    assert_eq!(left.trim(), "", "{left}");
}
