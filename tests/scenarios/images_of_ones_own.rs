//! Bases that no registry has: built by hand on the connected engine, or loaded there from
//! a vendor's file whose registry cannot be reached.

use docker_offline_tests::{Carried, Engine, Origin, Workspace, say};

const COMPOSE: &str = r#"name: own
services:
  app:
    build:
      context: ./app
      args: {ORIGIN: "${ORIGIN}"}
    image: own-app:dev
  above:
    build:
      context: ./app
      dockerfile_inline: "FROM vendor.example.invalid/tool:7\nCOPY words /words\nRUN wc -c < /words > /size\n"
    image: own-above:dev
  tool:
    image: vendor.example.invalid/tool:7
    command: sleep 1000
    stop_grace_period: 1s
"#;

const DOCKERFILE: &str = "FROM company/base:hand
ARG ORIGIN
COPY words /words
RUN wget -q -O /got \"$ORIGIN/word\"
CMD [\"cat\", \"/mine\", \"/got\", \"/words\"]
";

const BY_HAND: &str = r"printf 'FROM busybox:1.36\nRUN echo mine > /mine\n' |
    docker build -q -t company/base:hand - && docker tag company/base:hand vendor.example.invalid/tool:7";

#[test]
fn bases_that_only_the_engine_has_are_carried_and_built_upon() {
    for kind in ["28-overlay2-connected", "28-containerd-connected"] {
        say(format!("carried by {kind}"));
        let carried = carried(kind);
        for kind in ["28-containerd-airgapped", "28-overlay2-airgapped"] {
            println!("  {kind}");
            on_site(&carried, kind);
        }
    }
}

fn carried(kind: &str) -> Carried {
    let connected = Engine::with_plugin(kind);
    connected.shell(BY_HAND);
    let origin = Origin::start(&connected);
    let project = Workspace::of_files(
        "own",
        &[
            ("compose.yaml", COMPOSE),
            (".env", &origin.environment()),
            ("app/Dockerfile", DOCKERFILE),
            ("app/words", "words 0\n"),
        ],
    );
    let carried = Carried::export(&connected, project, &[]);
    for words in [
        "company/base:hand: it is in no registry; it was taken from this engine",
        "vendor.example.invalid/tool:7: its registry does not give it",
    ] {
        assert!(carried.told.contains(words), "{words}: {}", carried.told);
    }
    carried
}

fn on_site(carried: &Carried, kind: &str) {
    let (site, project) = carried.arrive(kind);
    let folder = project.path();
    let built = carried.build(&site, &project, &["--format", "json"]);
    assert!(built.ok(), "{built}");
    let services = built.json()["services"].as_array().unwrap().clone();
    assert!(services.iter().all(|s| s["ran"] == 0), "{built}");

    say("an edit before the step that asks the network");
    project.edit("app/words", "words 0", "words 1");
    let built = site
        .offline(folder, ["build", "--format", "json"])
        .succeeds();
    let services = built.json()["services"].as_array().unwrap().clone();
    let app = services.iter().find(|s| s["service"] == "app").unwrap();
    assert_eq!(
        (&app["ran"], &app["replayed"]),
        (&1.into(), &1.into()),
        "{built}"
    );
    let said = site
        .docker(folder, ["run", "--rm", "own-app:dev"])
        .succeeds();
    assert_eq!(said.stdout, "mine\nanswer of /word\nwords 1\n");
    site.docker(folder, ["compose", "up", "-d", "--build", "above", "tool"])
        .succeeds();
}
