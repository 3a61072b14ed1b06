//! Finished images of services cost a few KB, and start where nothing is built: without
//! sources, and on an engine of 2020. Images by name come along.

use docker_offline_tests::{Carried, Engine, Workspace, say, sites};
use serde_json::Value;

const CONNECTED: &str = "28-overlay2-connected";

const COMPOSE: &str = r#"name: done
x-offline:
  images:
    - debian:multi
    - {name: own/tool:1}
services:
  web:
    build:
      context: ./web
      target: web
      args: {GREETING: "hello"}
      labels: {org.example.team: core, org.example.of: compose}
      tags: ["done-web:extra"]
    ports: ["18083:80"]
    stop_grace_period: 1s
  api:
    build: {context: ./web, target: api}
    image: acme/api:7
    pull_policy: build
    stop_grace_period: 1s
"#;

const DOCKERFILE: &str = r#"FROM busybox:1.36 AS api
LABEL org.example.of=dockerfile org.example.kept=yes
ENV PORT=80
WORKDIR /srv
RUN --mount=type=cache,target=/c echo api > api
CMD ["sleep", "600"]
FROM api AS web
ARG GREETING
RUN echo "$GREETING" > index.html
USER 1000
HEALTHCHECK --interval=1s CMD wget -qO- http://127.0.0.1/
ENTRYPOINT ["httpd", "-f", "-h", "/srv", "-p"]
CMD ["80"]
"#;

const NAMES: [&str; 3] = ["done-web", "done-web:extra", "acme/api:7"];

/// What an image is: its settings and its layers.
fn inspected(engine: &Engine, name: &str) -> Value {
    let inspect = ["image", "inspect", name];
    let json = engine.run("docker").args(inspect).quietly().succeeds();
    let image = &json.json()[0];
    let mut settings = image["Config"].clone();
    // Of 20.10: what it says of an image that sets no such thing, and what it has of the
    // container of a build.
    let fields = settings.as_object_mut().unwrap();
    fields.retain(|_, value| {
        !matches!(value, Value::Null | Value::Bool(false)) && *value != "" && *value != 0
    });
    serde_json::json!({"settings": settings, "layers": image["RootFS"]["Layers"]})
}

#[test]
fn services_start_from_finished_images_where_nothing_is_built() {
    let connected = Engine::with_plugin(CONNECTED);
    let files = [("compose.yaml", COMPOSE), ("web/Dockerfile", DOCKERFILE)];
    let project = Workspace::of_files("done", &files);
    let folder = project.path();

    say("an image that nobody has is said by file and line");
    connected
        .offline(folder, ["export", "--archive", "none"])
        .fails_with(20, &["compose.yaml:5", "own/tool:1"]);
    connected.shell("docker pull -q busybox:1.36 && docker tag busybox:1.36 own/tool:1");

    say("a plan lists them");
    let plan = ["export", "--dry-run", "--format", "json"];
    let plan = connected.offline(folder, plan).quietly().succeeds().json();
    let images = plan["images"].as_array().unwrap();
    let named = images.iter().filter(|i| i["roles"][0] == "named").count();
    assert_eq!(named, 2, "{plan}");
    let finished = serde_json::json!(["docker.io/acme/api:7", "docker.io/library/done-web:latest"]);
    assert_eq!(plan["finished"], finished);

    say("they cost a few KB");
    let size = |flags: &[&str]| {
        let export = ["export", "--no-record", "--archive", "none"];
        let export = connected.offline(folder, export).args(flags);
        let json = export.args(["--format", "json"]).succeeds().json();
        json["bundle_bytes"].as_u64().unwrap()
    };
    let without = size(&["--no-images"]);
    let cost = size(&[]) - without;
    say(format!("      {cost} bytes of {without}"));
    assert!(cost < 20_000, "{cost}");
    let diagnosed = connected.offline(folder, ["diagnose", "--format", "json"]);
    let diagnosed = diagnosed.quietly().run();
    assert!(diagnosed.stdout.contains("finished images of api, web"));

    let carried = Carried::export(&connected, project, &["--no-record"]);
    let folder = carried.project.path();
    connected
        .docker(folder, ["compose", "build"])
        .quietly()
        .succeeds();
    let built: Vec<Value> = NAMES.iter().map(|n| inspected(&connected, n)).collect();
    drop(connected);
    let mut kinds = sites();
    kinds.push("20-overlay2-airgapped".to_owned());
    for kind in kinds {
        println!("  {kind}");
        on_site(&carried, &kind, &built);
    }
}

fn on_site(carried: &Carried, kind: &str, built: &[Value]) {
    let (site, project) = carried.arrive(kind);
    let folder = project.path();
    std::fs::remove_dir_all(project.join("web")).unwrap();
    let mut wanted: Vec<_> = NAMES.iter().zip(built).collect();
    if kind.starts_with("20") {
        // What docker-compose 1 does not read.
        project.edit("compose.yaml", "      tags: [\"done-web:extra\"]\n", "");
        project.edit("compose.yaml", "    pull_policy: build\n", "");
        wanted.retain(|(name, _)| **name != "done-web:extra");
    }
    let load = || {
        let load = ["build", "--load-only", "--bundle"];
        let load = site.offline(folder, load).arg(carried.archive());
        load.succeeds()
    };

    say("everything is loaded and tagged, though no source is there");
    let ran = load();
    assert!(ran.stdout.contains("carried, not rebuilt"), "{ran}");
    let names = site.images();
    for name in ["debian:multi", "own/tool:1", "done-web:latest"] {
        assert!(names.iter().any(|n| n == name), "{name}: {names:?}");
    }
    for (name, then) in wanted {
        assert_eq!(inspected(&site, name), *then, "{name}");
    }

    say("and starts without a build");
    let next = ran.stdout.lines().last().unwrap().trim().to_owned();
    assert!(next.ends_with(" up -d"), "{ran}");
    let up = site.run_in(folder, "sh").args(["-c", &next]).succeeds();
    assert!(!up.all().contains("Building"), "{up}");
    site.answers("http://127.0.0.1:18083/", "hello");
    let again = load();
    assert!(again.stdout.contains("nothing was loaded"), "{again}");
}

#[test]
fn a_bundle_without_finished_images_says_so() {
    let connected = Engine::with_plugin(CONNECTED);
    let files = [
        (
            "compose.yaml",
            "name: none\nservices:\n  app:\n    build: .\n",
        ),
        ("Dockerfile", "FROM busybox:1.36\nRUN echo a > /a\n"),
        (".dockerignore", "build-cache*\n"),
    ];
    let project = Workspace::of_files("none", &files);
    let carried = Carried::export(&connected, project, &["--no-record", "--no-images"]);
    drop(connected);
    let (site, project) = carried.arrive(&sites()[0]);
    let load = ["build", "--load-only", "--bundle"];
    let load = site.offline(project.path(), load).arg(carried.archive());
    load.fails_with(46, &["no finished image of app", "docker offline build"]);
}
