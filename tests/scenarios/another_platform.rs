//! For a site with another processor, images are exported as they are; builds
//! only where this machine can emulate it, which is said before anything is done.

use docker_offline_tests::{Engine, Refusal, Workspace, on_machine};

const COMPOSE: &str = "services:\n  db:\n    image: debian:multi\n  web:\n    build: ./web\n    image: web:dev\n  files:\n    build: ./files\n    image: files:dev\n";

/// The platform of `debian:multi` that this machine is not.
fn other() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "amd64",
        _ => "arm64",
    }
}

fn project() -> Workspace {
    Workspace::of_files(
        "platform",
        &[
            ("compose.yaml", COMPOSE),
            (
                "web/Dockerfile",
                "FROM debian:multi\nCOPY a /a\nRUN cat /a\n",
            ),
            ("web/a", "a\n"),
            (
                "files/Dockerfile",
                "FROM --platform=$BUILDPLATFORM debian:multi AS made\nFROM debian:multi\nCOPY --from=made /etc/platform /made-on\n",
            ),
        ],
    )
}

fn exported_for_the_other(kind: &str) {
    let engine = Engine::with_plugin(kind);
    let project = project();
    let platform = format!("linux/{}", other());
    let refusal = Refusal::of(&engine, &project, &["export", "--platform", &platform]);
    let said = ["web/Dockerfile:3", "qemu-user-static", "export db files"];
    refusal.says(45, &said);
    assert!(!project.join("build-cache").exists(), "nothing was written");

    let flags = ["--platform", &platform, "--archive", "none"];
    engine
        .offline(project.path(), ["export", "db", "files"])
        .args(flags)
        .succeeds();
    let record: serde_json::Value =
        serde_json::from_str(&project.read("build-cache/bundle.json")).unwrap();
    assert_eq!(record["platform"], platform);
    // What the layout holds is of that processor, and so is what was built.
    let index: serde_json::Value =
        serde_json::from_str(&project.read("build-cache/manifest.json")).unwrap();
    for image in index.as_array().unwrap() {
        let config = project.read(&format!(
            "build-cache/{}",
            image["Config"].as_str().unwrap()
        ));
        let config: serde_json::Value = serde_json::from_str(&config).unwrap();
        assert_eq!(config["architecture"], other(), "{image}");
    }
    // FROM --platform=$BUILDPLATFORM is what it will be on the site.
    let stage = index
        .as_array()
        .unwrap()
        .iter()
        .find(|image| {
            image["RepoTags"][0]
                .as_str()
                .unwrap()
                .contains("/files:offline-stage")
        })
        .expect("the image of the last stage is carried");
    let layer = stage["Layers"].as_array().unwrap().last().unwrap();
    let made_on = on_machine("tar")
        .arg("-xOf")
        .arg(project.join("build-cache").join(layer.as_str().unwrap()))
        .arg("made-on")
        .succeeds();
    assert_eq!(made_on.stdout.trim(), other());
    // The site's engine is the one that decides.
    let refusal = Refusal::of(&engine, &project, &["build", "db", "files"]);
    refusal.says(45, &[&platform]);
}

#[test]
fn a_graphdriver_store_exports_for_another_platform() {
    exported_for_the_other("28-overlay2-connected");
}

#[test]
fn a_containerd_store_exports_for_another_platform() {
    exported_for_the_other("28-containerd-connected");
}
