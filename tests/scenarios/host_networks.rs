//! `build.network: host`: what the export builds as Compose does, with what it asks of
//! the host's own loopback.

use docker_offline_tests::{Carried, Engine, Origin, Workspace, say};

const COMPOSE: &str = r#"name: hosts
services:
  app:
    build:
      context: ./app
      network: host
      args: {ORIGIN: "${ORIGIN}", LOCAL: "http://127.0.0.1:8098"}
    image: hosts-app:dev
"#;

/// `urllib` asks what `no_proxy` names by itself, as most tools do.
const DOCKERFILE: &str = "FROM python:3.11-slim
ARG ORIGIN
ARG LOCAL
WORKDIR /app
COPY . .
RUN python fetch.py \"$LOCAL/word\" near && python fetch.py \"$ORIGIN/far\" far
CMD [\"cat\", \"near\", \"far\", \"words\"]
";

const FETCH: &str = "import sys, urllib.request
open(sys.argv[2], 'wb').write(urllib.request.urlopen(sys.argv[1], timeout=60).read())
";

#[test]
fn a_build_on_the_hosts_network_is_recorded_with_its_loopback() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::start(&connected);
    let served = Workspace::of_files("served", &[("word", "near word\n")]);
    let www = format!("{}:/www:ro", served.path().display());
    let address = "127.0.0.1:8098";
    let httpd = ["run", "-d", "--network", "host", "-v", &www, "busybox:1.36"];
    connected
        .docker(served.path(), httpd)
        .args(["httpd", "-f", "-p", address, "-h", "/www"])
        .succeeds();
    let project = Workspace::of_files(
        "hosts",
        &[
            ("compose.yaml", COMPOSE),
            (".env", &origin.environment()),
            ("app/Dockerfile", DOCKERFILE),
            ("app/fetch.py", FETCH),
            ("app/words", "words 0\n"),
        ],
    );
    let carried = Carried::export(&connected, project, &[]);
    assert!(carried.told.contains("2 requests"), "{}", carried.told);
    drop(connected);
    for kind in [
        "28-containerd-airgapped",
        "28-overlay2-airgapped",
        "26-overlay2-airgapped",
    ] {
        println!("  {kind}");
        let (site, project) = carried.arrive(kind);
        let folder = project.path();
        project.write("app/words", "words 1\n");
        let built = site
            .offline(folder, ["build", "--bundle"])
            .arg(carried.archive())
            .succeeds();
        assert!(built.stdout.contains("Answered 2 requests"), "{built}");
        let run = ["run", "--rm", "hosts-app:dev"];
        let said = site.docker(folder, run).succeeds().stdout;
        assert_eq!(said, "near word\nanswer of /far\nwords 1\n");
        if kind == "28-overlay2-airgapped" {
            say("plain Compose does so too while a replay service stays");
            site.offline(folder, ["build", "--stay"]).succeeds();
            project.write("app/words", "words 2\n");
            site.compose_up(folder);
            site.prints(folder, vec!["near word".into(), "words 2".into()]);
            site.docker(folder, ["compose", "down"])
                .quietly()
                .succeeds();
            site.offline(folder, ["build", "--leave"]).succeeds();
        }
    }
}
