//! Two commands on one bundle folder: the second waits for the first, and both end well.

use docker_offline_tests::{Engine, Running, Signal, Workspace};

const COMPOSE: &str = "name: shared\nservices:\n  one: {build: ./one}\n  two: {build: ./two}\n";

fn dockerfile(word: &str) -> String {
    format!("FROM busybox:1.36\nRUN sleep 6 && echo {word} > /word\n")
}

/// The second of two commands has waited for the first, and both have ended well.
fn both_ended(first: Running, second: Running) {
    let (first, second) = (first.finish(), second.finish());
    assert!(first.ok(), "{first}");
    assert!(second.ok(), "{second}");
    assert!(!first.stderr.contains("is in use by"), "{first}");
    assert!(
        second
            .stderr
            .contains("build-cache is in use by docker-offline"),
        "{second}"
    );
}

#[test]
fn the_second_says_who_is_first_and_waits() {
    let (one, two) = (dockerfile("one"), dockerfile("two"));
    let files = [
        ("compose.yaml", COMPOSE),
        ("one/Dockerfile", one.as_str()),
        ("two/Dockerfile", two.as_str()),
    ];
    let project = Workspace::of_files("shared", &files);
    let connected = Engine::with_plugin("28-overlay2-connected");
    let export = |service: &str| {
        let args = ["export", "--archive", "none", service];
        connected.offline(project.path(), args)
    };
    let mut first = export("one").start();
    assert!(first.wait_for("sleep 6"), "it builds");
    let mut second = export("two").start();
    let mut third = export("two").start();
    for waiting in [&mut second, &mut third] {
        assert!(waiting.wait_for("is in use by"), "it waits");
    }
    third.signal_all(Signal::INT);
    assert_eq!(third.finish().code, 130, "who waits can be interrupted");
    both_ended(first, second);

    // Of what the last of them wrote nothing is missing.
    export("one").succeeds();
    drop(connected);

    let site = Engine::with_plugin("28-containerd-airgapped");
    project.write("one/Dockerfile", one.replace("sleep 6", "sleep 7"));
    let mut first = site.offline(project.path(), ["build", "one"]).start();
    assert!(first.wait_for("sleep 7"), "it builds");
    let second = site.offline(project.path(), ["build", "one"]).start();
    both_ended(first, second);
}
