//! Several services that begin alike and go on otherwise, by arguments, by targets, by
//! their network, by a common stage or a mount: each finds all of its steps.

use docker_offline_tests::{Carried, Engine, Origin, Workspace};

const COMPOSE: &str = r#"name: many
services:
  one:
    build: &build
      context: ./app
      args: &args {ORIGIN: "${ORIGIN}", WHO: one}
    image: many-one:dev
  two:
    build:
      <<: *build
      args: {<<: *args, WHO: two}
    image: many-two:dev
  three:
    build:
      <<: *build
      args: {<<: *args, WHO: three}
    image: many-three:dev
  four:
    build:
      <<: *build
      args: {<<: *args, WHO: four}
    image: many-four:dev
"#;

/// Whatever of it is not found fails: the recording is left out.
const DOCKERFILE: &str = "FROM busybox:1.36
ARG ORIGIN
ARG WHO
WORKDIR /app
COPY . .
RUN wget -q -O got \"$ORIGIN/$WHO\"
CMD [\"cat\", \"got\"]
";

#[test]
fn services_of_one_context_are_all_cached() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::start(&connected);
    let project = Workspace::of_files(
        "many",
        &[
            ("compose.yaml", COMPOSE),
            (".env", &origin.environment()),
            ("app/Dockerfile", DOCKERFILE),
            ("app/words", "words\n"),
        ],
    );
    let flags = ["--no-record"];
    let carried = Carried::export(&connected, project, &flags);
    drop(connected);
    for kind in ["28-containerd-airgapped", "28-overlay2-airgapped"] {
        println!("  {kind}");
        let (site, project) = carried.arrive(kind);
        let folder = project.path();
        let build = site.offline(folder, ["build", "--bundle"]);
        build.arg(carried.archive()).succeeds();
        site.docker(folder, ["compose", "build"]).succeeds();
        for service in ["one", "two", "three", "four"] {
            let image = format!("many-{service}:dev");
            let said = site.docker(folder, ["run", "--rm", &image]).succeeds();
            assert_eq!(said.stdout, format!("answer of /{service}\n"));
        }
    }
}

/// Five kinds of what begins alike, three services of each.
fn alike() -> Workspace {
    let who = ["one", "two", "three"].map(|who| {
        format!(
            "  stage-{who}: {{build: {{context: ., dockerfile: stage, args: {{WHO: {who}}}}}}}
  mount-{who}: {{build: {{context: ., dockerfile: mount, args: {{WHO: {who}}}}}}}
  image-{who}: {{build: {{context: ., dockerfile: image, args: {{WHO: {who}}}}}}}
  target-{who}: {{build: {{context: ., dockerfile: target, target: {who}}}}}
  named-{who}: {{build: {{context: {who}, additional_contexts: {{common: ./common}}}}}}
"
        )
    });
    let networks = ["default", "none"].map(|network| {
        format!("  network-{network}: {{build: {{context: ., dockerfile: network, network: {network}}}}}\n")
    });
    let compose = format!(
        "name: alike\nservices:\n{}{}",
        who.concat(),
        networks.concat()
    );
    let last = "ARG WHO\nRUN echo $WHO > /who\n";
    let stage = format!(
        "FROM busybox:1.36 AS made\nCOPY words /words\nRUN wc /words > /made\nFROM busybox:1.36\nCOPY --from=made /made /made\n{last}"
    );
    let mount = format!(
        "FROM busybox:1.36\nRUN --mount=type=bind,source=words,target=/words wc /words > /made\n{last}"
    );
    let image = format!(
        "FROM busybox:1.36\nCOPY --from=debian:bookworm-slim /etc/debian_version /\n{last}"
    );
    let targets =
        ["one", "two", "three"].map(|who| format!("FROM deps AS {who}\nRUN echo {who} > /who\n"));
    let target = format!(
        "FROM busybox:1.36 AS deps\nCOPY words /words\nRUN cat /words > /deps\n{}",
        targets.concat()
    );
    let network = "FROM busybox:1.36\nCOPY words /words\nRUN cat /words > /network\n";
    let project = Workspace::of_files(
        "alike",
        &[
            ("compose.yaml", &compose),
            ("words", "words\n"),
            ("common/words", "words\n"),
            ("stage", &stage),
            ("mount", &mount),
            ("image", &image),
            ("target", &target),
            ("network", network),
        ],
    );
    for who in ["one", "two", "three"] {
        let named = "FROM busybox:1.36\nCOPY --from=common words /words\nRUN cat /words > /named\nCOPY own /own\nRUN cat /own > /who\n";
        project.write(&format!("{who}/Dockerfile"), named);
        project.write(&format!("{who}/own"), who);
    }
    project
}

#[test]
fn whatever_begins_alike_is_cached_as_a_whole() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let carried = Carried::export(&connected, alike(), &[]);
    drop(connected);
    for kind in ["28-containerd-airgapped", "28-overlay2-airgapped"] {
        println!("  {kind}");
        let (site, project) = carried.arrive(kind);
        let built = carried.build(&site, &project, &["--format", "json"]);
        assert!(built.ok(), "{built}");
        let services = built.json()["services"].as_array().unwrap().clone();
        assert_eq!(services.len(), 17, "{built}");
        let ran = services.iter().filter(|service| service["ran"] != 0);
        let ran: Vec<&str> = ran.filter_map(|s| s["service"].as_str()).collect();
        assert_eq!(ran, [""; 0], "{built}");
    }
}
