//! An edit sets a resolver going again, or a step asks for an address that is another one
//! each time: what the bundle holds answers, and what it does not is named.

use docker_offline_tests::{Carried, Engine, Origin, Workspace, say};

const COMPOSE: &str = r#"name: offers
services:
  api: {build: ./api, image: "offers-api:dev"}
  panel: {build: ./panel, image: "offers-panel:dev"}
  stamp: {build: {context: ./stamp, args: {ORIGIN: "${ORIGIN}"}}, image: "offers-stamp:dev"}
  twice: {build: {context: ./twice, args: {ORIGIN: "${ORIGIN}"}}, image: "offers-twice:dev"}
"#;

const API: &str = "FROM python:3.11-slim\nWORKDIR /srv\nCOPY requirements.txt .\nRUN pip install --no-cache-dir -r requirements.txt\nCMD [\"python\", \"-c\", \"import six; print(six.__version__)\"]\n";

const PANEL: &str = "FROM node:20-slim\nWORKDIR /srv\nCOPY package.json .\nRUN npm install\nCMD [\"cat\", \"node_modules/is-number/package.json\"]\n";

/// The address holds the time, and the second one a number that is never the same.
const STAMP: &str = r#"FROM busybox:1.36
ARG ORIGIN
COPY words /
RUN wget -q -O /one "$ORIGIN/one?t=$(date +%s)" && wget -q -O /two "$ORIGIN/two?a=1&s=$(cat /proc/sys/kernel/random/uuid)"
CMD ["cat", "/one", "/two", "/words"]
"#;

const TWICE: &str = r#"FROM busybox:1.36
ARG ORIGIN
COPY words /
RUN wget -q -O /one "$ORIGIN/same?ts=$(date +%s)1" && wget -q -O /two "$ORIGIN/same?ts=$(date +%s)2"
CMD ["cat", "/one", "/two", "/words"]
"#;

fn panel(version: &str) -> String {
    format!(
        r#"{{"name": "panel", "version": "1.0.0", "private": true, "dependencies": {{"is-number": "{version}"}}}}"#
    )
}

/// The project carried to a site, and built there once.
fn arrive() -> (Engine, Workspace) {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::start(&connected);
    let environment = origin.environment();
    let package = panel("6.0.0");
    let files = [
        ("compose.yaml", COMPOSE),
        (".env", environment.as_str()),
        ("api/Dockerfile", API),
        ("api/requirements.txt", "six==1.16.0\n"),
        ("panel/Dockerfile", PANEL),
        ("panel/package.json", package.as_str()),
        ("stamp/Dockerfile", STAMP),
        ("stamp/words", "words one\n"),
        ("twice/Dockerfile", TWICE),
        ("twice/words", "words one\n"),
    ];
    let project = Workspace::of_files("offers", &files);
    let carried = Carried::export(&connected, project, &[]);
    drop(connected);
    let (site, project) = carried.arrive("28-overlay2-airgapped");
    site.offline(project.path(), ["build", "--bundle"])
        .arg(carried.archive())
        .succeeds();
    (site, project)
}

fn prints(site: &Engine, project: &Workspace, image: &str) -> String {
    let run = ["run", "--rm", image];
    site.docker(project.path(), run).quietly().succeeds().stdout
}

#[test]
fn resolvers_and_addresses_that_change_are_answered_with_what_is_held() {
    let (site, project) = arrive();
    a_loosened_pin_takes_what_was_fetched(&site, &project);
    an_address_that_changes_is_answered_where_one_was_recorded(&site, &project);
}

/// Both packages have newer versions, which were never fetched.
fn a_loosened_pin_takes_what_was_fetched(site: &Engine, project: &Workspace) {
    project.write("api/requirements.txt", "six>=1.10\n");
    project.write("panel/package.json", panel("*"));
    let build = ["build", "api", "panel"];
    let build = || site.offline(project.path(), build).within(300);
    build().succeeds();
    assert_eq!(prints(site, project, "offers-api:dev").trim(), "1.16.0");
    let version = prints(site, project, "offers-panel:dev");
    assert!(version.contains(r#""version": "6.0.0""#), "{version}");

    say("what is not there is named with what is");
    project.write("api/requirements.txt", "six>=1.17\n");
    project.write("panel/package.json", panel("^7.0.0"));
    let failed = build().args(["--wanted", "wanted.json"]).run();
    failed.assert_failure(
        52,
        &[
            "api/Dockerfile:4",
            "no version of six in the bundle fits; it holds 1.16.0",
            "panel/Dockerfile:4",
            "no version of is-number in the bundle fits; it holds 6.0.0",
            "export --fetch wanted.json",
        ],
    );
    let wanted = project.read("wanted.json");
    for word in ["six>=1.17", "is-number", "/six/"] {
        assert!(wanted.contains(word), "{word}: {wanted}");
    }
}

fn an_address_that_changes_is_answered_where_one_was_recorded(site: &Engine, project: &Workspace) {
    project.write("stamp/words", "words two\n");
    let ran = site.offline(project.path(), ["build", "stamp"]);
    let ran = ran.within(300).succeeds();
    for words in ["another one each time", "/one?t=", "/two?a=1&s="] {
        assert!(ran.stderr.contains(words), "{words}: {ran}");
    }
    let printed = prints(site, project, "offers-stamp:dev");
    for words in ["answer of /one?t=", "answer of /two?a=1&s=", "words two"] {
        assert!(printed.contains(words), "{words}: {printed}");
    }

    say("two answers were recorded, and nothing tells which is meant");
    project.write("twice/words", "words two\n");
    let build = site.offline(project.path(), ["build", "twice"]);
    let failed = build.within(300).run();
    failed.assert_failure(
        52,
        &[
            "twice/Dockerfile:4",
            "/same?ts=",
            "a second trip (--fetch) brings a further one and will not help",
            "fixed value",
        ],
    );
    assert!(!failed.all().contains("--wanted wanted.json"), "{failed}");
}
