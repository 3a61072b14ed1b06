//! A Compose file in a folder of the repository that is its build context: nothing of ours
//! gets into an image, and the bundle is found beside the repository.

use docker_offline_tests::{Engine, Workspace, say};

const COMPOSE: &str = "name: below
services:
  web:
    build: {context: .., dockerfile: deploy/Dockerfile}
    image: below-web:dev
";

const DOCKERFILE: &str = "FROM busybox:1.36\nWORKDIR /app\nCOPY . .\nRUN find . -type f > /list\nCMD [\"cat\", \"/list\"]\n";

#[test]
fn a_bundle_lies_beside_the_repository() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let around = Workspace::of_files(
        "around",
        &[
            ("repo/deploy/compose.yaml", COMPOSE),
            ("repo/deploy/Dockerfile", DOCKERFILE),
            ("repo/src/main", "one\n"),
        ],
    );
    let project = around.join("repo/deploy");
    let exported = connected.offline(&project, ["export"]).succeeds();
    let words = "deploy/Dockerfile:3 would take the bundle into an image";
    assert!(exported.stderr.contains(words), "{exported}");
    say("a second export carries nothing again");
    let again = connected.offline(&project, ["export"]).succeeds();
    assert!(again.stdout.contains("0 B new"), "{again}");
    drop(connected);

    for kind in ["28-containerd-airgapped", "28-overlay2-airgapped"] {
        println!("  {kind}");
        let site = Engine::start(kind);
        let place = Workspace::copy_of(around.path(), "site");
        site.run(place.join("repo-deploy-offline/install.sh"))
            .succeeds();
        let project = place.join("repo/deploy");
        let built = site.offline(&project, ["build", "--format", "json"]);
        let built = built.succeeds();
        assert_eq!(built.json()["services"][0]["ran"], 0, "{built}");
        place.write("repo/src/main", "two\n");
        site.compose_up(&project);
        let listed = site.docker(&project, ["run", "--rm", "below-web:dev"]);
        let listed = listed.succeeds().stdout;
        let files = ["deploy/Dockerfile", "deploy/compose.yaml", "src/main"];
        let mut held: Vec<&str> = listed.lines().map(|l| l.trim_start_matches("./")).collect();
        held.sort_unstable();
        assert_eq!(held, files);
    }
}
