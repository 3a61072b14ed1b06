//! Steps that write their environment down: after a replay the image holds what a build
//! with a network makes of the same sources, and nothing of how it was replayed.

use docker_offline_tests::{Carried, Engine, Workspace, assert_same, contents, say, sites};

const COMPOSE: &str = r#"name: stays
services:
  cron: {build: ./cron, image: "stays-cron:dev"}
  panel: {build: ./panel, image: "stays-panel:dev"}
  hidden: {build: ./hidden, image: "stays-hidden:dev"}
"#;

/// Only its script says what it does; one of its files keeps it in words of its own.
const HIDDEN: &str = r#"FROM python:3.11-slim AS made
WORKDIR /srv
COPY words setup.sh ./
RUN sh setup.sh
FROM busybox:1.36
COPY --from=made /srv /srv
CMD ["cat", "/srv/words"]
"#;

const SETUP: &str = "pip install --no-cache-dir six==1.16.0\nenv | sort > all.txt\necho \"went by $HTTP_PROXY to it\" > way.log\n";

const CRON: &str = r#"FROM python:3.11-slim
ENV JOB_NAME=nightly
WORKDIR /srv
COPY job.py .
RUN export -p > /srv/local.txt
# cron starts jobs with an empty environment; so it is written down at build time.
RUN apt-get update \
    && apt-get install -y --no-install-recommends jq \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log \
    && env >> /etc/environment
RUN pip install --no-cache-dir six==1.16.0 && pip config list > /srv/pip-config.txt && printenv | sort > /srv/build-env.txt
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN <<EOF
pip download --no-cache-dir --no-deps -d /tmp/six six==1.16.0
rm -r /tmp/six
export -p > /srv/exported.sh
EOF
RUN ["python", "-c", "import json, os; json.dump(dict(os.environ), open('/srv/env.json', 'w'))"]
CMD ["cat", "/srv/job.py"]
"#;

const CRON_FILES: &[&str] = &[
    "/etc/environment",
    "/srv/local.txt",
    "/srv/pip-config.txt",
    "/srv/build-env.txt",
    "/srv/exported.sh",
    "/srv/env.json",
];

/// What is dumped in one stage is copied into another.
const PANEL: &str = r#"FROM node:20-slim AS build
WORKDIR /srv
COPY words .
RUN npm install is-number@7.0.0 && npm config ls -l > npm.txt \
    && node -e 'require("fs").writeFileSync("env.json", JSON.stringify(process.env, null, 2))'
FROM busybox:1.36
COPY --from=build /srv /srv
CMD ["cat", "/srv/words"]
"#;

const PANEL_FILES: &[&str] = &["/srv/npm.txt", "/srv/env.json"];

/// Everything in an image's files that a replay may have left there.
const MARKS: &str = r#"
container=$(docker create "$1" true)
gateway=$(docker network inspect bridge --format '{{(index .IPAM.Config 0).Gateway}}')
docker export "$container" | grep -a -o -e 'docker-offline[a-z_.-]*' -e "$gateway:[0-9]*" -e NODE_USE_ENV_PROXY | sort | uniq -c
docker rm "$container" > /dev/null
"#;

fn project() -> Workspace {
    Workspace::of_files(
        "stays",
        &[
            ("compose.yaml", COMPOSE),
            ("cron/Dockerfile", CRON),
            ("cron/job.py", "print(0)\n"),
            ("panel/Dockerfile", PANEL),
            ("panel/words", "words 0\n"),
            ("hidden/Dockerfile", HIDDEN),
            ("hidden/setup.sh", SETUP),
            ("hidden/words", "words 0\n"),
        ],
    )
}

fn edit(project: &Workspace, number: u32) {
    project.write("cron/job.py", format!("print({number})\n"));
    project.write("panel/words", format!("words {number}\n"));
    project.write("hidden/words", format!("words {number}\n"));
}

/// The dumped files of the images.
fn dumped(engine: &Engine, project: &Workspace) -> Vec<(String, String)> {
    let files = [
        ("stays-cron:dev", CRON_FILES),
        ("stays-panel:dev", PANEL_FILES),
        ("stays-hidden:dev", &["/srv/all.txt"]),
    ];
    let mut texts = Vec::new();
    for (image, files) in files {
        for file in files {
            let run = ["run", "--rm", "--entrypoint", "cat", image, file];
            let ran = engine.docker(project.path(), run).quietly().succeeds();
            texts.push((format!("{image} {file}"), ran.stdout));
        }
    }
    texts
}

/// What an engine with a network makes.
struct Ordinary {
    dumped: Vec<(String, String)>,
    /// `cron` as a whole.
    cron: String,
}

impl Ordinary {
    fn assert_same_files(&self, site: &Engine, project: &Workspace) {
        for image in ["stays-cron:dev", "stays-panel:dev"] {
            let found = site.run("sh").args(["-c", MARKS, "sh", image]);
            let found = found.quietly().succeeds();
            assert_eq!(found.stdout, "", "{image} holds what only a replay has");
        }
        let here = dumped(site, project);
        assert_eq!(here.len(), self.dumped.len());
        for (here, there) in here.iter().zip(&self.dumped) {
            assert_eq!(here, there);
        }
    }

    fn assert_same(&self, site: &Engine, project: &Workspace) {
        self.assert_same_files(site, project);
        assert_same(
            "stays-cron:dev",
            &contents(site, "stays-cron:dev"),
            &self.cron,
        );
    }
}

#[test]
fn what_a_replayed_step_writes_down_is_what_a_connected_one_does() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let carried = Carried::export(&connected, project(), &[]);
    for line in [
        "cron/Dockerfile:5",
        "cron/Dockerfile:7",
        "cron/Dockerfile:11",
        "cron/Dockerfile:13",
        "cron/Dockerfile:18",
        "panel/Dockerfile:4",
    ] {
        assert!(carried.told.contains(line), "{line}: {}", carried.told);
    }
    say("what builds with a network make of the edited sources");
    let edited = Workspace::copy_of(carried.project.path(), "ordinary");
    edit(&edited, 1);
    let build = ["compose", "build", "-q"];
    connected
        .docker(edited.path(), build)
        .within(600)
        .succeeds();
    let ordinary = Ordinary {
        dumped: dumped(&connected, &edited),
        cron: contents(&connected, "stays-cron:dev"),
    };
    drop(connected);
    for kind in sites() {
        println!("  {kind}");
        one_site(&carried, &kind, &ordinary);
    }
}

fn one_site(carried: &Carried, kind: &str, ordinary: &Ordinary) {
    let (site, project) = carried.arrive(kind);
    let first = site.offline(project.path(), ["build", "--bundle"]);
    first.arg(carried.archive()).within(600).succeeds();
    edit(&project, 1);
    let built = site
        .offline(project.path(), ["build"])
        .within(600)
        .succeeds();
    for words in [
        "cron/Dockerfile:7",
        "/etc/environment",
        "panel/Dockerfile:4",
        "/srv/npm.txt",
        "Steps of hidden have written",
        "/srv/way.log in the image of hidden holds an address",
    ] {
        assert!(built.all().contains(words), "{words}: {built}");
    }
    assert!(!built.all().contains("__step"), "{built}");
    ordinary.assert_same(&site, &project);
    let images = site
        .docker(project.path(), ["image", "ls", "--all"])
        .quietly()
        .succeeds();
    assert!(!images.stdout.contains("docker-offline"), "{images}");

    say("the same sources again, and plain Compose");
    site.offline(project.path(), ["build"])
        .within(600)
        .succeeds();
    ordinary.assert_same(&site, &project);
    site.offline(project.path(), ["build", "--stay"])
        .within(600)
        .succeeds();
    edit(&project, 2);
    let (ran, log) = site.compose_build(project.path(), &["cron", "panel", "hidden"]);
    assert!(ran.ok(), "{ran}");
    let mut ran = log.runs_executed().into_iter();
    let installs = ran.any(|step| step.instruction.contains("npm install"));
    assert!(installs, "{log}");
    ordinary.assert_same_files(&site, &project);
}
