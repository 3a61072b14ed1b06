//! Without our tool, docker and skopeo still read a bundle.

use docker_offline_tests::{Engine, Workspace};

#[test]
fn docker_load_and_skopeo_read_the_bundle() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let project = Workspace::of_files(
        "plain",
        &[
            (
                "compose.yaml",
                "name: plain\nservices:\n  app:\n    build: ./app\n    image: plain-app:dev\n  web:\n    image: nginx:1.27\n  cache:\n    image: redis:7\n",
            ),
            (
                "app/Dockerfile",
                "# syntax=docker/dockerfile:1\nFROM debian:bookworm-slim AS one\nRUN echo one > /one\nFROM busybox:1.36\nCOPY --from=one /one /one\n",
            ),
        ],
    );
    connected
        .offline(project.path(), ["export", "--archive", "none"])
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
        for name in [
            "debian:bookworm-slim",
            "busybox:1.36",
            "docker/dockerfile:1",
            "nginx:1.27",
            "redis:7",
        ] {
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
        for name in ["redis:7", "docker/dockerfile:1"] {
            let ran = site
                .run_in(folder, "skopeo")
                .arg("inspect")
                .arg(format!("oci:build-cache:{name}"))
                .succeeds();
            assert_eq!(ran.json()["Os"], "linux", "{ran}");
        }
    }
}
