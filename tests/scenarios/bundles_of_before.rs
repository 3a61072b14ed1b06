//! What versions of before have written is read, and builds.

use std::path::PathBuf;

use docker_offline_tests::{Engine, Invocation, Workspace, repository, say};

fn folder() -> PathBuf {
    repository().join("tests/bundles/format-1")
}

fn arrived(kind: &str) -> (Engine, Workspace) {
    (
        Engine::with_plugin(kind),
        Workspace::copy_of(&folder(), "before"),
    )
}

fn build(site: &Engine, project: &Workspace) -> Invocation {
    site.offline(project.path(), ["build", "--bundle"])
        .arg(folder().join("build-cache.tar.zst"))
}

/// A file of an image in which nothing can run.
fn file(site: &Engine, image: &str, path: &str) -> String {
    let script = format!(
        "c=$(docker create {image} none) && docker cp $c:{path} - | tar -xO; docker rm $c >/dev/null"
    );
    site.run("sh").args(["-c", &script]).succeeds().stdout
}

#[test]
fn by_buildkit_on_the_other_store() {
    let (site, project) = arrived("28-containerd-airgapped");
    let build = || {
        let build = build(&site, &project).args(["--format", "json"]);
        build.succeeds().json()
    };
    let summary = build();
    let of = |name: &str| {
        let services = summary["services"].as_array().unwrap();
        services.iter().find(|s| s["service"] == name).unwrap()
    };
    assert_eq!(of("app")["ran"], 0, "{summary}");
    project.write("app/later", "edited\n");
    build();
    assert_eq!(file(&site, "before-app:dev", "/later"), "edited\n");
    assert_eq!(file(&site, "before-app:dev", "/second"), "second\n");
    assert_eq!(file(&site, "before-linked:dev", "/tool"), "tool\n");
}

#[test]
fn by_the_classic_builder() {
    let (site, project) = arrived("20-overlay2-airgapped");
    let build = || build(&site, &project);
    let ran = build().succeeds();
    let words = "before-linked:dev (carried, not rebuilt)";
    assert!(ran.all().contains(words), "{ran}");
    project.write("app/later", "edited\n");
    build().succeeds();
    assert_eq!(file(&site, "before-app:dev", "/later"), "edited\n");
    assert_eq!(file(&site, "before-app:dev", "/second"), "second\n");
    let said = "{{.Config.Env}} {{.Config.Labels}} {{.Config.Cmd}}";
    let inspect = ["inspect", "--format", said, "before-app:dev"];
    let settings = site.run("docker").args(inspect).succeeds().stdout;
    for words in ["SAID=given", "kept:yes", "[/later]"] {
        assert!(settings.contains(words), "{settings}");
    }
    say("what the classic builder refused at its export stays as it is carried");
    project.write("tools/later", "edited\n");
    build()
        .run()
        .assert_failure(51, &["linked", "tools/Dockerfile:3", "later (changed)"]);
    assert_eq!(file(&site, "before-linked:dev", "/later"), "later\n");
}
