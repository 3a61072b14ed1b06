//! A bundle is as good in ten years as today, whatever the clock of the site says: apt,
//! pip and npm are replayed under moved clocks.

use docker_offline_tests::{Carried, Engine, Workspace, assert_same, contents, say};

const COMPOSE: &str = r#"name: ages
services:
  report: {build: ./report, image: "ages-report:dev"}
  later: {build: ./later, image: "ages-later:dev"}
  api: {build: ./api, image: "ages-api:dev"}
  panel: {build: ./panel, image: "ages-panel:dev"}
"#;

/// As public images have it: dates are looked at, and a suite is signed for a week
/// only. This one even insists, in files that apt reads after ours.
const DATED: &str = r#"FROM debian:bookworm-slim
RUN grep -rlE 'Check-(Date|Valid-Until)' /etc/apt | xargs -r sed -i -E '/Check-(Date|Valid-Until)/d'
RUN printf 'Acquire::Check-Valid-Until "true";\nAcquire::Check-Date "true";\n' > /etc/apt/apt.conf.d/99insists
RUN grep -q security /etc/apt/sources.list || sed -n 's,^deb \(.*\)/debian/* bookworm main.*,deb \1/debian-security bookworm-security main,p' /etc/apt/sources.list >> /etc/apt/sources.list
"#;

const REPORT: &str = r#"WORKDIR /srv
COPY words .
RUN apt-get update && apt-get install -y --no-install-recommends jq && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log
CMD ["sh", "-c", "jq --version && cat words"]
"#;

/// Its own step moves time, and the engine's clock is right.
const LATER: &str = r#"RUN apt-get update && apt-get install -y --no-install-recommends libfaketime && rm -rf /var/lib/apt/lists/*
COPY words /offset.txt
RUN export LD_PRELOAD="$(find /usr/lib -name libfaketime.so.1)" FAKETIME="$(cat /offset.txt)" \
    && apt-get -o APT::Sandbox::User=root update \
    && apt-get install -y --no-install-recommends jq \
    && rm -rf /var/lib/apt/lists/*
CMD ["sh", "-c", "jq --version && cat /offset.txt"]
"#;

const API: &str = "FROM python:3.11-slim\nWORKDIR /srv\nCOPY words .\nRUN pip install --no-cache-dir six==1.16.0\nCMD [\"sh\", \"-c\", \"python -c 'import six; print(six.__version__)' && cat words\"]\n";

const PANEL: &str = "FROM node:20-slim\nWORKDIR /srv\nCOPY words .\nRUN npm install is-number@7.0.0\nCMD [\"sh\", \"-c\", \"ls node_modules && cat words\"]\n";

const SERVICES: [(&str, &str); 3] = [("report", "jq-"), ("api", "1.16.0"), ("panel", "is-number")];

fn project() -> Workspace {
    let (report, later) = (format!("{DATED}{REPORT}"), format!("{DATED}{LATER}"));
    let files = [
        ("compose.yaml", COMPOSE),
        ("report/Dockerfile", report.as_str()),
        ("report/words", "+0d\n"),
        ("later/Dockerfile", later.as_str()),
        ("later/words", "+0d\n"),
        ("api/Dockerfile", API),
        ("api/words", "+0d\n"),
        ("panel/Dockerfile", PANEL),
        ("panel/words", "+0d\n"),
    ];
    Workspace::of_files("ages", &files)
}

#[test]
fn what_was_recorded_is_replayed_under_any_clock() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let carried = Carried::export(&connected, project(), &[]);
    let library = carried.archive_folder.join("moved-clock.so");
    connected.fetches_a_movable_clock(&library);
    say("what an ordinary build of the edited sources makes");
    let edited = Workspace::copy_of(carried.project.path(), "ordinary");
    edited.write("report/words", "+10y\n");
    let build = ["compose", "build", "-q", "report"];
    connected
        .docker(edited.path(), build)
        .within(600)
        .succeeds();
    let ordinary = contents(&connected, "ages-report:dev");
    drop(connected);

    let (site, project) = carried.arrive("28-overlay2-airgapped");
    site.has_a_movable_clock(&library);
    site.offline(project.path(), ["build", "--bundle"])
        .arg(carried.archive())
        .within(600)
        .succeeds();
    for offset in ["+30d", "+10y", "-5y"] {
        let words = format!("{offset}\n");
        for (service, _) in SERVICES {
            project.write(&format!("{service}/words"), &words);
        }
        site.moves_the_clock(offset);
        let build = site.offline(project.path(), ["build"]);
        build.within(600).succeeds();
        for (service, prints) in SERVICES {
            let image = format!("ages-{service}:dev");
            assert_prints(&site, &project, &image, &[prints, offset]);
        }
        if offset == "+10y" {
            let here = contents(&site, "ages-report:dev");
            assert_same("ages-report:dev", &here, &ordinary);
        }
    }

    say("the engine's clock is right, and one step's is not");
    site.moves_the_clock("");
    project.write("later/words", "+10y\n");
    let build = site.offline(project.path(), ["build", "later"]);
    build.within(600).succeeds();
    assert_prints(&site, &project, "ages-later:dev", &["jq-", "+10y"]);

    say("plain Compose, ten years later");
    site.offline(project.path(), ["build", "--stay"])
        .within(600)
        .succeeds();
    for (service, _) in SERVICES {
        project.write(&format!("{service}/words"), "plainly +10y\n");
    }
    site.moves_the_clock("+10y");
    let (ran, _) = site.compose_build(project.path(), &["report", "api", "panel"]);
    assert!(ran.ok(), "{ran}");
    for (service, prints) in SERVICES {
        let image = format!("ages-{service}:dev");
        assert_prints(&site, &project, &image, &[prints, "plainly"]);
    }
}

fn assert_prints(site: &Engine, project: &Workspace, image: &str, words: &[&str]) {
    let run = ["run", "--rm", image];
    let ran = site.docker(project.path(), run).quietly().succeeds();
    for word in words {
        assert!(ran.stdout.contains(word), "{word}: {ran}");
    }
}
