//! `docker compose up -d --build` is the next command, exactly, whatever Compose has to
//! be told; and what was told is in nobody's way.

use docker_offline_tests::{Carried, Engine, Workspace, say};

const COMPOSE: &str = r"name: plain
services:
  api:
    build:
      context: .
      pull: true
      platforms: [linux/amd64, linux/arm64]
      additional_contexts: {assets: ./dir}
    image: plain-api:dev
    pull_policy: daily
  own:
    build: .
    image: plain-own:dev
    pull_policy: build
  always: {image: busybox:1.36, pull_policy: always, command: sleep 60}
  weekly: {image: busybox:1.36, pull_policy: weekly, command: sleep 60}
  every: {image: busybox:1.36, pull_policy: every_12h, command: sleep 60}
  missing: {image: busybox:1.36, pull_policy: missing, command: sleep 60}
  absent: {image: busybox:1.36, pull_policy: if_not_present, command: sleep 60}
  never: {image: busybox:1.36, pull_policy: never, command: sleep 60}
";

/// In one service the stage `assets` is what another context holds, in the other it is
/// built.
const DOCKERFILE: &str = "FROM busybox:1.36 AS assets
RUN mkdir /made && echo built > /made/file && cp /made/file /file
FROM busybox:1.36
WORKDIR /app
COPY --from=assets file .
COPY words .
CMD [\"cat\", \"file\", \"words\"]
";

fn project(copy: &str) -> Workspace {
    let dockerfile = DOCKERFILE.replace("COPY words .", copy);
    Workspace::of_files(
        "plain",
        &[
            ("compose.yaml", COMPOSE),
            ("Dockerfile", &dockerfile),
            ("dir/file", "of the context\n"),
            ("words", "words 0\n"),
        ],
    )
}

#[test]
fn compose_is_told_by_a_file_that_it_finds_or_by_one_line() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let flags = ["--no-record"];
    let found = Carried::export(&connected, project("COPY words ."), &flags);
    assert!(!found.told.contains("no build cache"), "{}", found.told);
    let named = Carried::export(&connected, project("COPY . ."), &flags);
    drop(connected);
    for kind in ["28-overlay2-airgapped", "28-containerd-airgapped"] {
        println!("  {kind}");
        a_file_that_it_finds(&found, kind);
    }
    one_line(&named, "28-overlay2-airgapped");
}

fn a_file_that_it_finds(carried: &Carried, kind: &str) {
    let (site, project) = carried.arrive(kind);
    let folder = project.path();
    let built = site
        .offline(folder, ["build", "--format", "json", "--bundle"])
        .arg(carried.archive())
        .succeeds();
    assert_eq!(built.json()["next"], "docker compose up -d --build");
    project.write("words", "words 1\n");
    site.compose_up(folder).assert_only_ran(&[]);
    let words = ["of the context", "built", "words 1"];
    site.prints(folder, words.map(str::to_owned).into());

    say("it is in nobody's way, and goes when nothing has to be told");
    let told = site.offline(folder, ["diagnose"]).run();
    assert!(!told.all().contains("compose.override.yaml"), "{told}");
    site.docker(folder, ["compose", "down", "-t", "0"])
        .quietly()
        .succeeds();
    let simple = "name: plain\nservices:\n  own:\n    build: .\n    image: plain-own:dev\n";
    let before = project.read("compose.yaml");
    project.write("compose.yaml", simple);
    site.offline(folder, ["build"]).succeeds();
    assert!(!project.join("compose.override.yaml").exists());

    say("a file of the user's own stays");
    project.write("compose.yaml", before);
    let mine = "services:\n  own:\n    labels: {mine: \"1\"}\n";
    project.write("compose.override.yaml", mine);
    let built = site.offline(folder, ["build"]).succeeds();
    assert!(built.stdout.contains("export COMPOSE_FILE="), "{built}");
    assert_eq!(project.read("compose.override.yaml"), mine);
}

fn one_line(carried: &Carried, kind: &str) {
    let (site, project) = carried.arrive(kind);
    let folder = project.path();
    let built = site
        .offline(folder, ["build", "--format", "json", "--bundle"])
        .arg(carried.archive())
        .succeeds();
    let next = built.json()["next"].as_str().unwrap().to_owned();
    assert!(
        next.starts_with("export COMPOSE_FILE=compose.yaml:"),
        "{next}"
    );
    assert!(next.ends_with(" && docker compose up -d --build"), "{next}");
    assert!(!project.join("compose.override.yaml").exists());
    let next = next.replace("docker compose", "docker compose --progress plain");
    let up = site.run_in(folder, "sh").args(["-c", &next]).succeeds();
    docker_offline_tests::BuildLog::of(&up.all()).assert_only_ran(&[]);
    site.docker(folder, ["compose", "down", "-t", "0"])
        .quietly()
        .succeeds();
}
