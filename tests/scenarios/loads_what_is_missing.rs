//! A site that has a part of the bundle is given the rest, and nothing twice;
//! single services, `--setup` and `--version` do what they say.

use docker_offline_tests::{Carried, Engine, Workspace};

fn project() -> Workspace {
    Workspace::of_files(
        "parts",
        &[
            (
                "compose.yaml",
                "name: parts\nservices:\n  one:\n    build: ./one\n    image: parts-one:dev\n  two:\n    build: ./two\n    image: parts-two:dev\n  cache:\n    image: redis:7\n",
            ),
            (
                "one/Dockerfile",
                "FROM busybox:1.36\nRUN echo one > /one\nCOPY data.txt /data.txt\n",
            ),
            ("one/data.txt", "data\n"),
            (
                "two/Dockerfile",
                "FROM debian:bookworm-slim\nRUN echo two > /two\n",
            ),
        ],
    )
}

#[test]
fn parts_are_loaded_and_built_as_they_are_asked_for() {
    for store in ["overlay2", "containerd"] {
        println!("  {store}");
        let connected = Engine::with_plugin(&format!("28-{store}-connected"));
        let carried = Carried::export(&connected, project(), &[]);
        drop(connected);
        let (site, project) = carried.arrive(&format!("28-{store}-airgapped"));
        let offline = |args: &[&str]| {
            site.offline(project.path(), ["build", "--bundle"])
                .arg(carried.archive())
                .args(args)
                .succeeds()
        };
        let has = |name: &str| site.images().iter().any(|i| i == name);

        println!("  --setup loads and stops");
        offline(&["--setup"]);
        assert!(has("redis:7") && has("busybox:1.36"), "{:?}", site.images());
        assert!(!has("parts-one:dev"), "nothing is built");
        let before = site.now();
        offline(&["--setup"]);
        assert_eq!(site.loads_since(&before), 0, "nothing is loaded twice");

        println!("  one image is gone, and only that one comes back");
        site.docker(project.path(), ["image", "rm", "redis:7"])
            .succeeds();
        let ran = offline(&["--setup"]);
        assert!(has("redis:7"), "{ran}");

        println!("  one service, with one more tag");
        offline(&["one", "--version", "1.2.3"]);
        assert!(
            has("parts-one:dev") && has("parts-one:1.2.3"),
            "{:?}",
            site.images()
        );
        assert!(
            !has("parts-two:dev"),
            "the other was not asked for: {:?}",
            site.images()
        );
        offline(&[]);
        assert!(has("parts-two:dev"));

        println!("  the cache is gone, and is warmed again from the bundle");
        site.docker(project.path(), ["builder", "prune", "-af"])
            .quietly()
            .succeeds();
        offline(&[]);
        project.write("one/data.txt", "edited\n");
        let (ran, log) = site.compose_build(project.path(), &[]);
        assert!(ran.ok(), "{ran}");
        log.assert_only_ran(&[]);
    }
}
