//! `docker offline build --up` waits for health checks: one that never succeeds is said with
//! its own words, and what was healthy before an edit is healthy after it.

use docker_offline_tests::{Carried, Engine, Workspace, say};

const COMPOSE: &str = r#"name: checked
services:
  web:
    build: ./web
    image: checked-web:dev
    stop_grace_period: 1s
    healthcheck: {test: ["CMD", "cat", "/srv/ok"], interval: 1s, timeout: 2s, retries: 3}
  other:
    image: busybox:1.36
    command: sleep 600
    stop_grace_period: 1s
"#;
const DOCKERFILE: &str =
    "FROM busybox:1.36\nCOPY srv /srv\nCMD [\"httpd\", \"-f\", \"-h\", \"/srv\"]\n";

#[test]
fn what_is_unhealthy_is_said_and_what_was_healthy_comes_back() {
    let files = [
        ("compose.yaml", COMPOSE),
        ("web/Dockerfile", DOCKERFILE),
        ("web/srv/index.html", "one\n"),
    ];
    let connected = Engine::with_plugin("28-overlay2-connected");
    let carried = Carried::export(&connected, Workspace::of_files("checked", &files), &[]);
    drop(connected);
    let (site, project) = carried.arrive("28-containerd-airgapped");
    let up = |flags: &[&str]| carried.build(&site, &project, &[&["--up"], flags].concat());
    let page = || {
        let cat = ["exec", "checked-web-1", "cat", "/srv/index.html"];
        site.docker(project.path(), cat).succeeds().stdout
    };

    say("nothing ran before it: nothing can be put back");
    let unhealthy = up(&["--wait-timeout", "30"]);
    unhealthy.assert_failure(57, &["web does not run", "docker compose logs web"]);
    for words in [
        "started, unhealthy",
        "healthcheck: cat: can't open '/srv/ok'",
    ] {
        assert!(unhealthy.stdout.contains(words), "{words}: {unhealthy}");
    }

    say("mended: only what has changed is replaced");
    project.write("web/srv/ok", "ok\n");
    let mended = up(&[]);
    assert!(mended.ok(), "{mended}");
    for words in ["rebuilt and restarted, healthy", "unchanged, not restarted"] {
        assert!(mended.stdout.contains(words), "{words}: {mended}");
    }

    say("an edit that is unhealthy is taken back");
    std::fs::remove_file(project.join("web/srv/ok")).unwrap();
    project.write("web/srv/index.html", "two\n");
    let back = up(&["--lang", "zh"]);
    assert_eq!(back.code, 56, "{back}");
    for words in [
        "已退回旧镜像，旧镜像目前健康",
        "healthcheck: cat: can't open",
    ] {
        assert!(back.stdout.contains(words), "{words}: {back}");
    }
    assert_eq!(page(), "one\n");
}
