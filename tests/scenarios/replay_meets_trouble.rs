//! Engines and machines that are set up otherwise: the recording is replayed there, or
//! it is said in words, and soon, why not.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixStream;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use docker_offline_tests::{Carried, Engine, Origin, Workspace, say};

const COMPOSE: &str = "name: trouble\nservices:\n  app:\n    build: {context: ./app, args: {ORIGIN: \"${ORIGIN}\"}}\n    image: trouble-app:dev\n";
const DOCKERFILE: &str = "FROM busybox:1.36\nARG ORIGIN\nWORKDIR /app\nCOPY . .\nRUN wget -q -O fetched \"$ORIGIN/app\"\nCMD [\"cat\", \"/app/fetched\", \"/app/words\"]\n";

fn project(origin: &Origin) -> Workspace {
    let environment = origin.environment();
    let files = [
        ("compose.yaml", COMPOSE),
        (".env", environment.as_str()),
        ("app/Dockerfile", DOCKERFILE),
        ("app/words", "words 0\n"),
    ];
    Workspace::of_files("trouble", &files)
}

static CARRIED: LazyLock<Carried> = LazyLock::new(|| {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::start(&connected);
    Carried::export(&connected, project(&origin), &[])
});

/// A site with this in its `daemon.json`, and the project, built once.
fn site(kind: &str, daemon: &str) -> (Engine, Workspace) {
    let (site, project) = CARRIED.arrive(kind);
    if !daemon.is_empty() {
        site.restart_with_daemon_options(daemon);
    }
    site.offline(project.path(), ["build", "--bundle"])
        .arg(CARRIED.archive())
        .succeeds();
    (site, project)
}

fn says(site: &Engine, project: &Workspace, words: &str) {
    let run = ["run", "--rm", "trouble-app:dev"];
    let said = site.docker(project.path(), run).quietly().succeeds();
    assert!(said.stdout.contains("answer of /app"), "{said}");
    assert!(said.stdout.contains(words), "{said}");
}

/// Replays by `build`, and by plain Compose with `--stay`.
fn replays(site: &Engine, project: &Workspace) {
    project.write("app/words", "words 1\n");
    let built = site.offline(project.path(), ["build"]).succeeds();
    assert!(built.stderr.contains("Replaying"), "{built}");
    says(site, project, "words 1");
    site.offline(project.path(), ["build", "--stay"]).succeeds();
    project.write("app/words", "words 2\n");
    site.compose_up(project.path());
    says(site, project, "words 2");
    leaves(site, project);
}

#[test]
fn an_engine_with_user_namespaces_replays() {
    for kind in ["28-overlay2-airgapped", "28-containerd-airgapped"] {
        let (site, project) = CARRIED.arrive(kind);
        // What useradd does where there is one.
        site.shell(
            "echo dockremap:x:231072:231072::/:/bin/false >> /etc/passwd
            echo dockremap:x:231072: >> /etc/group
            echo dockremap:231072:65536 | tee -a /etc/subuid >> /etc/subgid",
        );
        site.restart_with_daemon_options(r#"{"userns-remap": "default"}"#);
        let info = ["info", "--format", "{{.SecurityOptions}}"];
        let info = site.docker(project.path(), info).succeeds();
        assert!(info.stdout.contains("name=userns"), "{info}");
        site.offline(project.path(), ["build", "--bundle"])
            .arg(CARRIED.archive())
            .succeeds();
        if kind.contains("containerd") {
            say("there no build can run a step, whoever asks");
            let build = ["build", "--network", "none", "-"];
            let build = site.docker(project.path(), build);
            let plain = build.input("FROM busybox:1.36\nRUN true\n").run();
            assert!(plain.all().contains("permission denied"), "{plain}");
            continue;
        }
        replays(&site, &project);
    }
}

/// A default bridge always has IPv4 (28.5 gives it some even where it is told to take a
/// bridge that has IPv6 only), and builds use no other one.
#[test]
fn a_bridge_with_both_families_replays() {
    let both = r#"{"ipv6": true, "fixed-cidr-v6": "fd00:dead::/64"}"#;
    let (site, project) = site("28-overlay2-airgapped", both);
    replays(&site, &project);
}

#[test]
fn an_engine_without_a_bridge_is_refused_in_words() {
    let (site, project) = CARRIED.arrive("28-containerd-airgapped");
    site.restart_with_daemon_options(r#"{"bridge": "none"}"#);
    site.offline(project.path(), ["build", "--bundle"])
        .arg(CARRIED.archive())
        .succeeds();
    project.write("app/words", "words 1\n");
    let build = || site.offline(project.path(), ["build"]).within(60);
    build().fails_with(53, &["no default bridge", "daemon.json"]);
}

#[test]
fn a_killed_replay_service_comes_back_or_is_put_back() {
    let (site, project) = site("28-overlay2-airgapped", "");
    let stay = || {
        let flags = ["build", "--stay", "--format", "json"];
        site.offline(project.path(), flags).succeeds().json()
    };
    let said = stay();
    let container = said["stay"]["container"].as_str().unwrap();

    say("its process dies, and the engine starts it again");
    let pid = ["inspect", "--format", "{{.State.Pid}}", container];
    let pid = site.docker(project.path(), pid).quietly().succeeds().stdout;
    site.shell(&format!("kill -9 {}", pid.trim()));
    let deadline = Instant::now() + Duration::from_secs(20);
    let runs = || {
        let state = ["inspect", "--format", "{{.State.Pid}}", container];
        let now = site.docker(project.path(), state).quietly().succeeds();
        now.stdout != pid && now.stdout.trim() != "0"
    };
    while !runs() {
        assert!(Instant::now() < deadline, "it does not come back");
        std::thread::sleep(Duration::from_millis(200));
    }
    std::thread::sleep(Duration::from_secs(1));
    project.write("app/words", "words 1\n");
    site.compose_up(project.path());
    says(&site, &project, "words 1");

    say("it is killed by hand, and stays away until --stay is said again");
    site.docker(project.path(), ["kill", container]).succeeds();
    project.write("app/words", "words 2\n");
    let (failed, _) = site.compose_build(project.path(), &[]);
    assert!(!failed.ok(), "{failed}");
    assert!(failed.all().contains("refused"), "{failed}");
    site.offline(project.path(), ["build"]).succeeds();
    says(&site, &project, "words 2");
    stay();
    project.write("app/words", "words 3\n");
    site.compose_up(project.path());
    says(&site, &project, "words 3");
    leaves(&site, &project);
}

/// Takes away what runs, and what `--stay` set up.
fn leaves(site: &Engine, project: &Workspace) {
    site.docker(project.path(), ["compose", "down", "-t", "1"])
        .quietly()
        .succeeds();
    site.offline(project.path(), ["build", "--leave"])
        .succeeds();
}

/// What containers send to the machine is dropped, as firewalls do that let in nothing
/// by themselves.
#[test]
fn a_firewall_is_gone_around_and_named_where_it_cannot_be() {
    for (target, kind) in [
        ("DROP", "28-overlay2-airgapped"),
        ("REJECT", "28-containerd-airgapped"),
    ] {
        let (site, project) = site(kind, "");
        let rule = format!("iptables -I INPUT -i docker0 -j {target}");
        site.shell(&rule);
        project.write("app/words", "words 1\n");
        let build = |flags: &[&str]| {
            let build = site.offline(project.path(), ["build"]).args(flags);
            build.within(60)
        };
        let words = [
            "172.17.0.1",
            "firewall",
            "iptables -I INPUT -i docker0",
            "ufw allow in on docker0",
        ];
        let ran = build(&[]).succeeds();
        let note = "in a container of the engine, as containers do not reach 172.17.0.1";
        assert_eq!(ran.stderr.matches(note).count(), 1, "{ran}");
        says(&site, &project, "words 1");
        project.write("app/words", "words 2\n");
        build(&["--stay"]).fails_with(53, &words);
        let left = "docker ps -aq; docker image ls -q 'docker-offline.invalid/*'";
        let left = site.shell(left);
        assert_eq!(left.stdout.trim(), "", "{left}");
        site.shell(&rule.replace("-I", "-D"));
        let ran = build(&[]).succeeds();
        assert!(!ran.stderr.contains(note), "{ran}");
        says(&site, &project, "words 2");
    }
}

/// An engine reached through another name than its socket: as if it were elsewhere.
#[test]
fn a_remote_engine_is_recorded_and_replayed() {
    let engine = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::start(&engine);
    let project = project(&origin);
    let host = origin.url.rsplit_once(':').unwrap().0;
    let host = host.strip_prefix("http://").unwrap();
    let tcp = format!("tcp://{host}:{}", forwarded(engine.socket()));
    // The way that docker itself goes over ssh, but for the other machine.
    site_ssh(&engine);
    for (name, endpoint) in [("far", tcp.as_str()), ("shell", "ssh://me@box")] {
        say(endpoint);
        let to = format!("host={endpoint}");
        let create = ["context", "create", name, "--docker", &to];
        engine.docker(project.path(), create).succeeds();
        let remote = |args: &[&str]| {
            let docker = ["-u", "DOCKER_HOST", "docker", "--context", name, "offline"];
            let env = engine.run_in(project.path(), "env").args(docker);
            env.args(args).within(300)
        };
        let export = ["export", "--archive", "none"];
        project.write("app/words", format!("words for {name}\n"));
        let ran = remote(&export).succeeds();
        let words = format!(
            "in a container of the engine, as the engine is on another machine ({endpoint})"
        );
        assert_eq!(ran.stderr.matches(&words).count(), 1, "{ran}");
        assert!(ran.stdout.contains("Recorded network"), "{ran}");

        let here = engine.offline(project.path(), export).within(300);
        let here = here.succeeds();
        assert!(!here.stderr.contains("in a container"), "{here}");
        project.write("app/words", format!("words of {name}\n"));
        let built = remote(&["build"]).succeeds();
        assert_eq!(built.stderr.matches(&words).count(), 1, "{built}");
        assert!(built.stdout.contains("Answered 1 request"), "{built}");
        says(&engine, &project, &format!("words of {name}"));
        project.write("app/words", "words 0\n");
    }
}

/// A port of the machine behind which an engine's socket is.
fn forwarded(socket: String) -> u16 {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut near in listener.incoming().flatten() {
            let Ok(mut far) = UnixStream::connect(&socket) else {
                continue;
            };
            let (mut back, mut answer) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            std::thread::spawn(move || {
                copy(&mut near, &mut far);
                let _ = far.shutdown(Shutdown::Write);
            });
            std::thread::spawn(move || {
                copy(&mut answer, &mut back);
                let _ = back.shutdown(Shutdown::Write);
            });
        }
    });
    port
}

fn copy(from: &mut impl Read, to: &mut impl Write) {
    let _ = std::io::copy(from, to);
}

/// A client of ssh that stays on the machine.
fn site_ssh(engine: &Engine) {
    // Behind the host stands the command, in one word or in several.
    let script = "while [ \"$1\" != -- ]; do shift; done; shift 2; DOCKER_HOST=unix://SOCKET exec sh -c \"$*\"";
    let script = script.replace("SOCKET", &engine.socket());
    engine.shell(&format!(
        "printf '%s\\n' '#!/bin/sh' '{script}' > /usr/local/bin/ssh
        chmod 755 /usr/local/bin/ssh"
    ));
}
