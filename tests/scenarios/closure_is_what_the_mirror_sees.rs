//! The images that an export would carry are exactly those that a build and a
//! start from nothing ask the registry for.

use std::collections::BTreeSet;

use docker_offline_tests::{Engine, Workspace, registry, say};

const FILES: [&str; 6] = [
    "-f",
    "compose.yaml",
    "-f",
    "compose.override.yaml",
    "-f",
    "compose.pinned.yaml",
];

#[test]
fn the_plan_lists_what_a_build_and_a_start_from_nothing_ask_for() {
    let mirror = registry::Watched::open();
    let daemon = format!(r#"{{"registry-mirrors": ["{}"]}}"#, mirror.url);
    let engine = Engine::with_daemon_options("28-overlay2-connected", &daemon);
    engine.install_plugin();
    let project = Workspace::of_example("features");
    // An index of its own, so that the pin is seen apart from the tag it is written with.
    let pin = registry::digest_of("library/debian", "multi");
    let folder = project.path();

    let before = project.listing(&[]);
    let planned = engine
        .offline(
            folder,
            ["export", "--dry-run", "--format", "json", "--all-profiles"],
        )
        .args(FILES)
        .env("PINNED_DIGEST", &pin)
        .succeeds()
        .json();
    assert_eq!(before, project.listing(&[]), "a dry run changes nothing");
    assert_eq!(
        engine.images(),
        Vec::<String>::new(),
        "a dry run pulls nothing"
    );
    let planned: BTreeSet<String> = planned["images"]
        .as_array()
        .expect("images is a list")
        .iter()
        .map(|image| image["ref"].as_str().expect("ref is a text").to_owned())
        .collect();
    say(format!("planned: {planned:?}"));

    mirror.forget();
    let compose = |args: &[&str]| {
        engine
            .docker(folder, ["compose"])
            .args(FILES)
            .args(["--profile", "debug"])
            .args(args)
            .env("PINNED_DIGEST", &pin)
            .env("WEB_PORT", free_port())
            .within(900)
            .succeeds()
    };
    compose(&["build", "base", "onbuild-base"]);
    compose(&["build"]);
    compose(&["up", "-d"]);
    let asked = mirror.asked();
    compose(&["down", "-v", "-t", "1"]);
    say(format!("asked: {asked:?}"));

    assert_eq!(planned, as_references(&asked, &planned));
}

/// What was asked, in the words of the plan: a manifest asked for by digest is
/// the image of the tag that stands for it, or a pin.
fn as_references(asked: &BTreeSet<String>, planned: &BTreeSet<String>) -> BTreeSet<String> {
    let mut tags = BTreeSet::new();
    let mut explained = BTreeSet::new();
    for one in asked {
        if let Some((name, tag)) = one.rsplit_once(':').filter(|_| !one.contains('@')) {
            tags.insert(format!("docker.io/{one}"));
            explain(name, &registry::digest_of(name, tag), &mut explained);
        }
    }
    let mut all = tags;
    for one in asked.iter().filter(|one| one.contains('@')) {
        let (name, digest) = one.split_once('@').unwrap();
        let pin = planned.iter().find(|p| {
            p.starts_with(&format!("docker.io/{name}")) && p.ends_with(&format!("@{digest}"))
        });
        if let Some(pin) = pin {
            all.insert(pin.clone());
            explain(name, digest, &mut explained);
        }
    }
    for one in asked.iter().filter(|one| one.contains('@')) {
        if !explained.contains(one) {
            all.insert(format!("docker.io/{one}"));
        }
    }
    all
}

fn explain(name: &str, digest: &str, explained: &mut BTreeSet<String>) {
    explained.insert(format!("{name}@{digest}"));
    for platform in registry::platforms_of(name, digest) {
        explained.insert(format!("{name}@{platform}"));
    }
}

/// Connected engines share the machine's ports.
fn free_port() -> String {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port().to_string()
}
