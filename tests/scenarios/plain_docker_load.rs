//! Without our tool, docker and skopeo still read a bundle.

use docker_offline_tests::{Engine, Workspace};

#[test]
fn docker_load_and_skopeo_read_the_bundle() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let project = Workspace::of_example("llm-chat");
    connected
        .offline(project.path(), ["export", "--archive", "none"])
        .within(900)
        .succeeds();
    drop(connected);

    for kind in [
        "28-overlay2-airgapped",
        "28-containerd-airgapped",
        "26-overlay2-airgapped",
    ] {
        println!("  {kind}");
        let site = Engine::start(kind);
        let folder = project.path();
        site.run_in(folder, "sh")
            .args(["-c", "tar -C build-cache -c . | docker load"])
            .succeeds();
        let images = site.images();
        for name in ["python:3.11-slim", "node:20-slim", "nginx:1.27", "redis:7"] {
            assert!(
                images.iter().any(|i| i == name),
                "{name} was loaded: {images:?}"
            );
        }
        let ran = site
            .run("docker")
            .args([
                "run",
                "--rm",
                "--network",
                "none",
                "redis:7",
                "redis-server",
                "--version",
            ])
            .succeeds();
        assert!(ran.stdout.contains("Redis"), "{ran}");
        for name in [
            "docker.io/library/redis:7",
            "docker.io/library/python:3.11-slim",
        ] {
            let ran = site
                .run_in(folder, "skopeo")
                .arg("inspect")
                .arg(format!("oci:build-cache:{name}"))
                .succeeds();
            assert_eq!(ran.json()["Os"], "linux", "{ran}");
        }
    }
}
