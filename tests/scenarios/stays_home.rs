//! What buildx looks at before any cache stays with who exports: secrets, ssh agents,
//! unused contexts, env files. Both our builds and plain Compose go on without.

use docker_offline_tests::{Carried, Engine, Origin, Workspace, say};

const COMPOSE: &str = r#"name: home
services:
  api:
    build:
      context: ./api
      args: {ORIGIN: "${ORIGIN}"}
      ssh: [default]
      secrets:
        - conf
        - source: token
          target: index_token
      additional_contexts:
        unused: ./unused
      cache_from:
        - type=registry,ref=registry.invalid/home/api:cache
      platforms: [linux/amd64, linux/arm64]
    image: home-api:dev
    pull_policy: always
    env_file: [./secret.env]
secrets:
  conf:
    file: ./private/tool.conf
  token:
    environment: INDEX_TOKEN
"#;

const DOCKERFILE: &str = "FROM busybox:1.36
ARG ORIGIN
WORKDIR /app
COPY list .
RUN --mount=type=secret,id=conf,target=/etc/tool.conf \\
    --mount=type=secret,id=index_token,required=true \\
    test -s /run/secrets/index_token && cat /etc/tool.conf > /dev/null && \\
    wget -q -O got \"$ORIGIN/$(cat /run/secrets/index_token)/list\"
COPY words .
CMD [\"cat\", \"/app/words\"]
";

const TOKEN: &str = "T04-a-token-that-stays-home";
const SETTING: &str = "T04-a-setting-that-stays-home";

fn project(origin: &Origin) -> Workspace {
    let conf = format!("# {SETTING}\n");
    Workspace::of_files(
        "home",
        &[
            ("compose.yaml", COMPOSE),
            (".env", &origin.environment()),
            ("api/Dockerfile", DOCKERFILE),
            ("api/list", "one\n"),
            ("api/words", "words 0\n"),
            ("unused/file", "x\n"),
            ("secret.env", "A=1\n"),
            ("private/tool.conf", &conf),
        ],
    )
}

/// A socket is all that buildx looks for: no step here asks the agent.
fn export(connected: &Engine, project: Workspace) -> Carried {
    let archive_folder = Workspace::empty("carried");
    let ran = connected
        .offline(project.path(), ["export"])
        .arg("--archive")
        .arg(archive_folder.join("build-cache-20260101.tar.zst"))
        .env("INDEX_TOKEN", TOKEN)
        .env("SSH_AUTH_SOCK", connected.socket())
        .succeeds();
    assert!(ran.all().contains("linux/arm64 is left out"), "{ran}");
    let kept = connected
        .run("grep")
        .args(["-rla", "-e", TOKEN, "-e", SETTING])
        .arg(project.join("build-cache"))
        .run();
    assert_eq!(kept.stdout, "", "no secret is in the bundle");
    Carried {
        archive_folder,
        project,
        told: ran.all(),
        took: ran.took,
    }
}

#[test]
fn secrets_and_agents_stay_home_and_the_site_builds_without() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    // What repeats a secret in its answer is not recorded.
    let origin = Origin::answering(&connected, |_| {
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlist".to_owned()
    });
    let project = project(&origin);
    say("what is absent at the export is said by its line");
    let conf = project.read("private/tool.conf");
    std::fs::remove_file(project.join("private/tool.conf")).unwrap();
    connected
        .offline(project.path(), ["export"])
        .env("SSH_AUTH_SOCK", connected.socket())
        .fails_with(15, &["compose.yaml:22", "secret conf", "does not exist"]);
    project.write("private/tool.conf", conf);
    connected
        .offline(project.path(), ["export"])
        .env("SSH_AUTH_SOCK", "/nowhere")
        .fails_with(15, &["compose.yaml:7", "ssh agent", "ssh-add"]);
    let carried = export(&connected, project);
    drop(connected);
    for kind in ["28-overlay2-airgapped", "28-containerd-airgapped"] {
        println!("  {kind}");
        one_site(&carried, kind);
    }
    another_generation(&carried, "26-overlay2-airgapped");
}

/// A site to which all of it has come but what stays home.
fn arrive(carried: &Carried, kind: &str) -> (Engine, Workspace) {
    let (site, project) = carried.arrive(kind);
    for gone in ["private", "unused"] {
        std::fs::remove_dir_all(project.join(gone)).unwrap();
    }
    std::fs::remove_file(project.join("secret.env")).unwrap();
    (site, project)
}

/// Where no cache of a RUN with a mount crosses, the step runs with placeholders from the
/// first build on: it is named, and replayed.
fn another_generation(carried: &Carried, kind: &str) {
    println!("  {kind}");
    let (site, project) = arrive(carried, kind);
    let archive = carried.archive().display().to_string();
    let found = site.diagnose(project.path(), &["--bundle", &archive]);
    let words = ["compose.yaml:22", "secret conf", "api/Dockerfile:5"];
    found.finds("build-input", "warning", &words);
    let built = site
        .offline(project.path(), ["build", "--bundle", &archive])
        .succeeds();
    let all = built.all();
    let named = all.find("is given a placeholder for the secret token");
    let ran = all.find("Replaying the recorded network");
    assert!(named.is_some() && named < ran, "{built}");
}

fn one_site(carried: &Carried, kind: &str) {
    let (site, project) = arrive(carried, kind);
    let folder = project.path();
    let archive = carried.archive().display().to_string();
    let found = site.diagnose(folder, &["--bundle", &archive]);
    for words in [
        ["compose.yaml:22", "secret conf"],
        ["compose.yaml:24", "secret token (variable INDEX_TOKEN)"],
        ["compose.yaml:7", "ssh agent"],
        ["compose.yaml:12", "additional context unused"],
    ] {
        found.finds("build-input", "note", &words);
    }
    found.finds("env-file", "warning", &["compose.yaml:19", "secret.env"]);
    let built = site
        .offline(folder, ["build", "--bundle"])
        .arg(carried.archive())
        .succeeds();
    assert!(built.all().contains("a placeholder stands in"), "{built}");
    assert!(
        built
            .stdout
            .contains("Next:\n  docker compose up -d --build\n"),
        "{built}"
    );
    site.compose_up(folder).assert_only_ran(&[]);

    say("what comes after the step is edited");
    project.write("api/words", "words 1\n");
    site.compose_up(folder).assert_only_ran(&[]);
    site.prints(folder, vec!["words 1".into()]);

    say("what comes before it is edited: it is named, and replayed");
    project.write("api/list", "two\n");
    let replayed = site.offline(folder, ["build"]).succeeds();
    let all = replayed.all();
    let named = all.find("is given a placeholder for the secret token");
    let ran = all.find("Replaying the recorded network");
    assert!(named.is_some() && named < ran, "{replayed}");
    site.docker(folder, ["compose", "down"])
        .quietly()
        .succeeds();

    say("what was brought later is used");
    project.write("private/tool.conf", "# mine\n");
    let again = site
        .offline(folder, ["build"])
        .env("INDEX_TOKEN", "another")
        .succeeds();
    assert!(!again.all().contains("the secret"), "{again}");
}
