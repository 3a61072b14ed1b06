//! Several services of one Dockerfile and one context, by other arguments: each finds
//! all of its steps, although they begin alike.

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
