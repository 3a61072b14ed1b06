//! `build.extra_hosts`: names that no server of names knows, another host for each
//! service. The proxy goes where the service's own build goes.

use docker_offline_tests::{Carried, Engine, Origin, Workspace};

const COMPOSE: &str = r#"name: intranet
services:
  api:
    build:
      context: ./api
      args: {URL: "http://wheels.intranet:8099/word"}
      extra_hosts: ["wheels.intranet:${ONE}"]
    image: intranet-api:dev
  web:
    build:
      context: ./web
      args: {URL: "http://wheels.intranet:8099/word"}
      extra_hosts: {wheels.intranet: "${OTHER}"}
    image: intranet-web:dev
  gate:
    build:
      context: ./gate
      args: {URL: "http://wheels.intranet:${PORT}/gate"}
      extra_hosts: ["wheels.intranet=host-gateway"]
    image: intranet-gate:dev
"#;

const SERVICES: [&str; 3] = ["api", "web", "gate"];

const DOCKERFILE: &str = "FROM python:3.11-slim
ARG URL
WORKDIR /app
COPY . .
RUN python fetch.py \"$URL\" got
CMD [\"cat\", \"got\", \"words\"]
";

const FETCH: &str = "import sys, urllib.request
open(sys.argv[2], 'wb').write(urllib.request.urlopen(sys.argv[1], timeout=60).read())
";

/// A server on the engine's bridge that answers `/word`; gives its address.
fn server(connected: &Engine, word: &str) -> (Workspace, String) {
    let served = Workspace::of_files("served", &[("word", word)]);
    let folder = served.path();
    let www = format!("{}:/www:ro", folder.display());
    let httpd = ["run", "-d", "--name", word.trim(), "-v", &www];
    connected
        .docker(folder, httpd)
        .args(["busybox:1.36", "httpd", "-f", "-p", "8099", "-h", "/www"])
        .succeeds();
    let format = "{{.NetworkSettings.Networks.bridge.IPAddress}}";
    let inspect = ["inspect", "--format", format, word.trim()];
    let address = connected.docker(folder, inspect).succeeds().stdout;
    (served, address.trim().to_owned())
}

#[test]
fn each_service_is_recorded_by_the_names_it_knows() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::start(&connected);
    let port = origin.url.rsplit(':').next().unwrap_or_default();
    let (_one, one) = server(&connected, "one\n");
    let (_other, other) = server(&connected, "other\n");
    let environment = format!("ONE={one}\nOTHER={other}\nPORT={port}\n");
    let files = [("compose.yaml", COMPOSE), (".env", &environment)];
    let project = Workspace::of_files("intranet", &files);
    for service in SERVICES {
        project.write(&format!("{service}/Dockerfile"), DOCKERFILE);
        project.write(&format!("{service}/fetch.py"), FETCH);
        project.write(&format!("{service}/words"), format!("{service} 0\n"));
    }
    let carried = Carried::export(&connected, project, &[]);
    assert!(carried.told.contains("3 requests"), "{}", carried.told);
    drop(connected);
    for kind in ["28-containerd-airgapped", "26-overlay2-airgapped"] {
        println!("  {kind}");
        let (site, project) = carried.arrive(kind);
        let folder = project.path();
        // The site's own addresses are part of no key; but its buildx knows no such hosts
        // where it is too old, and then the steps run (fact 53).
        let environment = format!("ONE=192.0.2.1\nOTHER=192.0.2.2\nPORT={port}\n");
        project.write(".env", &environment);
        let unedited = site
            .offline(folder, ["build", "--bundle"])
            .arg(carried.archive())
            .succeeds();
        let replayed = unedited.stdout.contains("Answered");
        assert_eq!(replayed, kind.starts_with("26"), "{unedited}");
        for service in SERVICES {
            project.write(&format!("{service}/words"), format!("{service} 1\n"));
        }
        let built = site.offline(folder, ["build"]).succeeds();
        assert!(built.stdout.contains("Answered 3 requests"), "{built}");
        for (service, got) in SERVICES.iter().zip(["one", "other", "answer of /gate"]) {
            let image = format!("intranet-{service}:dev");
            let said = site.docker(folder, ["run", "--rm", &image]).succeeds();
            assert_eq!(said.stdout, format!("{got}\n{service} 1\n"), "{service}");
        }
    }
}
