//! Packages that no step asks for are fetched at the export, and an edit on the site that
//! adds one is answered, also by plain Compose.

use docker_offline_tests::{Carried, Engine, Workspace, say};

const COMPOSE: &str = r#"name: packed
x-offline:
  packages:
    pip: ["jinja2==3.*"]
services:
  api:
    build: ./api
    image: packed-api:dev
    stop_grace_period: 1s
    x-offline:
      packages: {apt: jq}
  panel: {build: ./panel, image: "packed-panel:dev", stop_grace_period: 1s}
"#;

/// The last step is not the one for what the project lists, and leaves no lists of apt.
const API: &str = r#"FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends hello && rm -rf /var/lib/apt/lists/*
WORKDIR /srv
COPY requirements.txt .
RUN python -m venv /venv && . /venv/bin/activate && pip install --no-cache-dir -r requirements.txt
ENV PATH=/venv/bin:$PATH
CMD ["sleep", "600"]
"#;

const PANEL: &str = "FROM node:20-slim\nWORKDIR /srv\nCOPY package.json .\nRUN npm install\nCMD [\"sleep\", \"600\"]\n";

const WRONG: &str = "docker-offline-no-such-package";

fn package_json(more: &str) -> String {
    format!(
        r#"{{"name": "panel", "version": "1.0.0", "private": true, "dependencies": {{"is-number": "7.0.0"{more}}}}}"#
    )
}

fn project() -> Workspace {
    let package = package_json("");
    let files = [
        ("compose.yaml", COMPOSE),
        ("api/Dockerfile", API),
        ("api/requirements.txt", "six==1.16.0\n"),
        ("panel/Dockerfile", PANEL),
        ("panel/package.json", package.as_str()),
    ];
    Workspace::of_files("packed", &files)
}

/// The project carried to a site, with a package of each tool besides.
fn arrive() -> (Engine, Workspace) {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let project = project();
    let planned = connected.offline(project.path(), ["export", "--dry-run", "--format", "json"]);
    let planned = planned.quietly().succeeds().json();
    let packages: Vec<_> = planned["packages"].as_array().unwrap().iter().collect();
    assert_eq!(packages.len(), 2, "{planned}");
    assert!(packages.iter().all(|p| p["services"][0] == "api"));

    say("a package that there is none of is named, and all else is carried");
    let flags = ["--also-npm", "is-odd@^3", "--also-npm", WRONG];
    let words = [WRONG, "could not be fetched for service panel", "404"];
    let carried = Carried::partial_export(&connected, project, &flags, &words);
    let fetched = "apt jq (api), npm is-odd@^3 (panel), pip jinja2==3.* (api)";
    assert!(carried.told.contains(fetched), "{}", carried.told);
    drop(connected);
    let (site, project) = carried.arrive("28-containerd-airgapped");
    site.offline(project.path(), ["build", "--stay", "--bundle"])
        .arg(carried.archive())
        .within(300)
        .succeeds();
    (site, project)
}

#[test]
fn an_edit_that_adds_a_package_is_answered() {
    let (site, project) = arrive();
    say("plain Compose");
    project.write("api/requirements.txt", "six==1.16.0\njinja2\n");
    project.edit("api/Dockerfile", "hello", "hello jq");
    project.write(
        "panel/package.json",
        package_json(r#", "is-odd": "^3.0.0""#),
    );
    site.compose_up(project.path());
    for (service, words) in [
        (
            "api",
            "import six, jinja2, markupsafe; print(jinja2.__version__)",
        ),
        ("panel", "require('is-odd')(3) || process.exit(1)"),
    ] {
        let program = if service == "api" {
            "python -c"
        } else {
            "node -e"
        };
        let run = format!("docker compose exec -T {service} {program} \"{words}\"");
        site.run_in(project.path(), "sh")
            .args(["-c", &run])
            .succeeds();
    }
    let jq = ["compose", "exec", "-T", "api", "jq", "--version"];
    site.docker(project.path(), jq).succeeds();

    say("what was not fetched is named");
    project.write("api/requirements.txt", "six==1.16.0\ncolorama\n");
    let build = site.offline(project.path(), ["build", "api"]).within(300);
    build.fails_with(52, &["api/Dockerfile:5", "colorama"]);
}
