//! A project that cannot be exported is refused in words, by file and line, and
//! nothing is touched.

use std::sync::OnceLock;

use docker_offline_tests::{Engine, Refusal, Workspace, names_a_line_of};

/// Refusals leave no trace, so that one engine serves them all.
fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::with_plugin("28-overlay2-connected"))
}

fn project(files: &[(&str, &str)]) -> Workspace {
    Workspace::of_files("wrong", files)
}

const BUILDS_APP: &str = "services:\n  app:\n    build: ./app\n    image: app:dev\n";

#[test]
fn no_compose_file() {
    let project = project(&[("notes.txt", "nothing here\n")]);
    Refusal::of(engine(), &project, &["export"]).says(10, &["-f"]);
    Refusal::of(engine(), &project, &["export", "-f", "other.yaml"]).says(10, &["other.yaml"]);
}

#[test]
fn broken_yaml() {
    let project = project(&[(
        "compose.yaml",
        "services:\n  app:\n    image: redis:7\n   ports: [\n",
    )]);
    let ran = Refusal::of(engine(), &project, &["export"]).says(11, &["compose.yaml"]);
    assert!(
        names_a_line_of(&ran.stderr, "compose.yaml"),
        "names the line: {ran}"
    );
}

#[test]
fn yaml_that_is_not_compose() {
    let project = project(&[("compose.yaml", "services:\n  app:\n    imagine: redis:7\n")]);
    Refusal::of(engine(), &project, &["export"]).says(11, &["compose.yaml", "imagine"]);
}

#[test]
fn broken_dockerfile() {
    let project = project(&[
        ("compose.yaml", BUILDS_APP),
        ("app/Dockerfile", "FROM busybox:1.36\nRUNN echo one\n"),
    ]);
    Refusal::of(engine(), &project, &["export"]).says(12, &["app/Dockerfile:2", "RUNN"]);
}

#[test]
fn dockerfile_without_a_stage() {
    let project = project(&[
        ("compose.yaml", BUILDS_APP),
        ("app/Dockerfile", "# nothing yet\n"),
    ]);
    Refusal::of(engine(), &project, &["export"]).says(12, &["app/Dockerfile"]);
}

#[test]
fn target_that_the_dockerfile_does_not_have() {
    let project = project(&[
        (
            "compose.yaml",
            "services:\n  app:\n    build:\n      context: ./app\n      target: nosuch\n    image: app:dev\n",
        ),
        ("app/Dockerfile", "FROM busybox:1.36 AS only\nRUN true\n"),
    ]);
    Refusal::of(engine(), &project, &["export"]).says(12, &["app/Dockerfile", "nosuch"]);
}

#[test]
fn unset_variable_that_makes_a_bad_reference() {
    let one = project(&[(
        "compose.yaml",
        "services:\n  cache:\n    image: redis:${REDIS_TAG}\n",
    )]);
    Refusal::of(engine(), &one, &["export"]).says(13, &["cache", "REDIS_TAG"]);
    let other = project(&[(
        "compose.yaml",
        "services:\n  cache:\n    image: ${REGISTRY}/redis:7\n",
    )]);
    Refusal::of(engine(), &other, &["export"]).says(13, &["cache", "REGISTRY"]);
}

#[test]
fn unset_argument_that_makes_a_bad_reference_in_a_dockerfile() {
    let project = project(&[
        ("compose.yaml", BUILDS_APP),
        (
            "app/Dockerfile",
            "ARG BASE_TAG\nFROM busybox:${BASE_TAG}\nRUN true\n",
        ),
    ]);
    Refusal::of(engine(), &project, &["export"]).says(13, &["app/Dockerfile:2"]);
}

#[test]
fn missing_dockerfile() {
    let project = project(&[("compose.yaml", BUILDS_APP), ("app/data.txt", "data\n")]);
    Refusal::of(engine(), &project, &["export"]).says(14, &["app/Dockerfile", "app"]);
}

#[test]
fn missing_context() {
    let project = project(&[("compose.yaml", BUILDS_APP)]);
    Refusal::of(engine(), &project, &["export"]).says(15, &["/app"]);
}

#[test]
fn missing_env_file() {
    let project = project(&[(
        "compose.yaml",
        "services:\n  cache:\n    image: redis:7\n    env_file: ./settings.env\n",
    )]);
    Refusal::of(engine(), &project, &["export"]).says(16, &["settings.env"]);
}

#[test]
fn unknown_service() {
    let project = project(&[("compose.yaml", "services:\n  cache:\n    image: redis:7\n")]);
    Refusal::of(engine(), &project, &["export", "cahce"]).says(17, &["cahce", "cache"]);
}

#[test]
fn image_that_does_not_exist() {
    let service = project(&[("compose.yaml", "services:\n  cache:\n    image: nosuch:7\n")]);
    Refusal::of(engine(), &service, &["export"]).says(20, &["nosuch:7", "cache"]);
    let base = project(&[
        ("compose.yaml", BUILDS_APP),
        ("app/Dockerfile", "# a comment\nFROM nosuch:7\nRUN true\n"),
    ]);
    Refusal::of(engine(), &base, &["export"]).says(20, &["nosuch:7", "app/Dockerfile:2"]);
}

#[test]
fn registry_that_cannot_be_reached() {
    let project = project(&[(
        "compose.yaml",
        "services:\n  cache:\n    image: 127.0.0.1:9/cache:7\n",
    )]);
    Refusal::of(engine(), &project, &["export"]).says(21, &["127.0.0.1:9", "cache"]);
}

#[test]
fn export_where_there_is_no_network_at_all() {
    let airgapped = Engine::with_plugin("28-overlay2-airgapped");
    let project = project(&[("compose.yaml", "services:\n  cache:\n    image: redis:7\n")]);
    Refusal::of(&airgapped, &project, &["export"]).says(21, &["redis:7"]);
}

#[test]
fn bundle_inside_of_a_build_context() {
    let files = [
        (
            "compose.yaml",
            "services:\n  app:\n    build: .\n    image: app:dev\n",
        ),
        ("Dockerfile", "FROM busybox:1.36\nCOPY . /app\n"),
    ];
    let one = project(&files);
    let asked = one.join("kept-here");
    Refusal::of(
        engine(),
        &one,
        &["export", "--cache-dir", asked.to_str().unwrap()],
    )
    .says(18, &["kept-here", ".dockerignore"]);

    // Not asked for a place, it takes one outside, and says so.
    let before = one.listing(&[]);
    let ran = engine().offline(one.path(), ["export"]).succeeds();
    assert_eq!(
        before,
        one.listing(&[]),
        "nothing lies in the context: {ran}"
    );
    assert!(ran.all().contains("-offline"), "it says where: {ran}");

    let other = project(&files);
    other.write(".dockerignore", "build-cache*\n");
    engine().offline(other.path(), ["export"]).succeeds();
    assert!(other.join("build-cache").exists());
}

#[test]
fn a_flag_that_does_not_exist() {
    let project = project(&[("compose.yaml", "services:\n  cache:\n    image: redis:7\n")]);
    let ran = engine()
        .offline(project.path(), ["export", "--cachedir", "x"])
        .run();
    ran.assert_no_panic();
    assert_eq!(ran.code, 2, "{ran}");
    assert!(
        ran.stderr.contains("--cache-dir"),
        "names the flag that was meant: {ran}"
    );
}
