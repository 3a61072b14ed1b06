//! Engines whose builds do not reach a process beside the command: the proxy runs in a
//! container of theirs, for recording and for replay, and nothing of it is left behind.

mod servers;

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use docker_offline_tests::{Engine, Invocation, Origin, Ran, Running, Signal, Workspace, say};

use servers::{FORWARD, NAMES, ROOTLESS, SERVE_TLS, SSHD, TLS};

/// With a service that is built on the network of the engine's machine, and asks its
/// loopback.
const ON_HOST: &str = r#"name: contained
services:
  app:
    build: {context: ./app, args: {ORIGIN: "${ORIGIN}"}}
    image: contained-app:dev
  gate:
    build: {context: ./gate, network: host, args: {ORIGIN: "http://127.0.0.1:${PORT}"}}
    image: contained-gate:dev
"#;

const COMPOSE: &str = r#"name: contained
services:
  app:
    build: {context: ./app, args: {ORIGIN: "${ORIGIN}"}}
    image: contained-app:dev
  gate:
    build:
      context: ./gate
      args: {ORIGIN: "http://wheels.intranet:${PORT}"}
      extra_hosts: ["wheels.intranet=host-gateway"]
    image: contained-gate:dev
"#;

/// Large enough that it comes and goes in many pieces.
const DOCKERFILE: &str = "FROM busybox:1.36
ARG ORIGIN
WORKDIR /app
COPY . .
RUN wget -q -O fetched \"$ORIGIN/word\" && wget -q -O big \"$ORIGIN/big\" && wc -c < big > size
CMD [\"cat\", \"fetched\", \"size\", \"words\"]
";

const BIG: usize = 5 << 20;

fn answer(path: &str) -> String {
    let body = match path {
        "/big" => "0123456789abcdef".repeat(BIG / 16),
        "/slow" => {
            std::thread::sleep(Duration::from_secs(20));
            "late\n".to_owned()
        }
        other => format!("answer of {other}\n"),
    };
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

fn project(origin: &Origin) -> Workspace {
    let port = origin.url.rsplit(':').next().unwrap();
    let environment = format!("{}PORT={port}\n", origin.environment());
    let files = [("compose.yaml", COMPOSE), (".env", environment.as_str())];
    let project = Workspace::of_files("contained", &files);
    for service in ["app", "gate"] {
        project.write(&format!("{service}/Dockerfile"), DOCKERFILE);
    }
    edit(&project, 0);
    project
}

fn edit(project: &Workspace, number: u32) {
    for service in ["app", "gate"] {
        project.write(&format!("{service}/words"), format!("words {number}\n"));
    }
}

/// What both images say.
fn says(engine: &Engine, folder: &Path, number: u32) {
    for service in ["app", "gate"] {
        let image = format!("contained-{service}:dev");
        let said = engine.docker(folder, ["run", "--rm", &image]).quietly();
        assert_eq!(said.succeeds().stdout, words(number), "{service}");
    }
}

fn words(number: u32) -> String {
    format!("answer of /word\n{BIG}\nwords {number}\n")
}

/// What is ours in the engine.
fn left(engine: &Engine) -> String {
    let script = "docker ps -aq; docker image ls -q docker-offline.invalid/proxy; \
                  docker image ls -q docker-offline.invalid/replay; docker volume ls -q";
    engine.shell(script).stdout
}

fn nothing_is_left(engine: &Engine) {
    assert_eq!(left(engine).trim(), "");
}

fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}

/// An engine's socket behind a port of its machine, and the address of that.
fn over_tcp(engine: &Engine) -> (Running, String) {
    let port = free_port();
    let (port_word, socket) = (port.to_string(), engine.socket());
    let forward = ["-c", FORWARD, "127.0.0.1", &port_word, &socket];
    let mut forward = engine.run("python3").args(forward).quietly().start();
    assert!(forward.wait_for("listens"), "the port is open");
    (forward, format!("tcp://127.0.0.1:{port}"))
}

/// `docker offline ...` by another way than the engine's socket.
fn by(engine: &Engine, endpoint: &str, folder: &Path, args: &[&str]) -> Invocation {
    let host = format!("DOCKER_HOST={endpoint}");
    let env = engine.run_in(folder, "env");
    env.args([host.as_str(), "docker", "offline"]).args(args)
}

/// What the container shows while a command runs.
fn container_of(engine: &Engine) -> String {
    let deadline = Instant::now() + Duration::from_secs(60);
    let format = "{{.Names}} {{.Mounts}} ports:{{.Ports}}";
    let filter = "label=docker-offline.proxy";
    let list = ["ps", "--filter", filter, "--format", format];
    loop {
        let ran = engine.run("docker").args(list).quietly().succeeds();
        if !ran.stdout.trim().is_empty() {
            return ran.stdout.trim().to_owned();
        }
        assert!(Instant::now() < deadline, "no proxy is in a container");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn says_why(ran: &Ran, why: &str) {
    let notes = ran.all();
    let note = notes
        .lines()
        .filter(|l| l.contains("in a container of the engine, as"));
    let note: Vec<&str> = note.collect();
    assert_eq!(note.len(), 1, "{ran}");
    assert!(note[0].contains(why), "{}", note[0]);
}

#[test]
fn engines_behind_tcp_are_recorded_and_replayed() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::answering(&connected, answer);
    let project = project(&origin);
    let (_forward, tcp) = over_tcp(&connected);
    let archive_folder = Workspace::empty("carried");
    let archive = archive_folder.join("build-cache-20260101.tar.zst");
    let archive = archive.to_str().unwrap();
    let export = ["export", "--archive", archive];
    let running = by(&connected, &tcp, project.path(), &export)
        .within(600)
        .start();
    let shown = container_of(&connected);
    assert!(shown.ends_with("ports:"), "{shown}");
    let exported = running.finish();
    assert!(exported.ok(), "{exported}");
    assert!(exported.all().contains("4 requests"), "{exported}");
    says_why(&exported, &tcp);
    nothing_is_left(&connected);
    drop(connected);

    for kind in ["28-containerd-airgapped", "26-overlay2-airgapped"] {
        println!("  {kind}");
        let site = Engine::start(kind);
        site.run(archive_folder.join("install.sh")).succeeds();
        let project = Workspace::copy_of(project.path(), "site");
        let folder = project.path();
        let (_forward, tcp) = over_tcp(&site);
        by(&site, &tcp, folder, &["build", "--bundle", archive]).succeeds();
        edit(&project, 1);
        let built = by(&site, &tcp, folder, &["build"]).succeeds();
        assert!(built.stdout.contains("Answered 4 requests"), "{built}");
        says_why(&built, &tcp);
        says(&site, folder, 1);
        nothing_is_left(&site);
        say("what is not recorded is named with its step, as ever");
        let dockerfile = DOCKERFILE.replace("$ORIGIN/word", "$ORIGIN/other");
        project.write("app/Dockerfile", dockerfile);
        by(&site, &tcp, folder, &["build"]).fails_with(52, &["/other", "Dockerfile:5"]);
        nothing_is_left(&site);
    }
}

/// What the site lacks is fetched and brought by the same way.
#[test]
fn a_second_trip_goes_that_way_too() {
    let connected = Engine::with_plugin("28-containerd-connected");
    let origin = Origin::answering(&connected, answer);
    let project = project(&origin);
    let (_forward, tcp) = over_tcp(&connected);
    let archive_folder = Workspace::empty("carried");
    let archive = archive_folder.join("build-cache-20260101.tar.zst");
    let archive = archive.to_str().unwrap();
    let export = ["export", "--archive", archive];
    by(&connected, &tcp, project.path(), &export).succeeds();

    let site = Engine::start("28-overlay2-airgapped");
    site.run(archive_folder.join("install.sh")).succeeds();
    let there = Workspace::copy_of(project.path(), "site");
    let (_second, site_tcp) = over_tcp(&site);
    let build = |flags: &[&str]| {
        let words = [&["build"], flags].concat();
        by(&site, &site_tcp, there.path(), &words)
    };
    build(&["--bundle", archive]).succeeds();
    let dockerfile = DOCKERFILE.replace("$ORIGIN/word", "$ORIGIN/other");
    there.write("app/Dockerfile", dockerfile);
    build(&["--wanted", "wanted.json"]).fails_with(52, &["/other"]);
    project.write("wanted.json", there.read("wanted.json"));
    let fetch = ["export", "--fetch", "wanted.json"];
    let fetched = by(&connected, &tcp, project.path(), &fetch).succeeds();
    says_why(&fetched, &tcp);
    nothing_is_left(&connected);
    let entries = std::fs::read_dir(project.path()).unwrap();
    let mut names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
    let added = names.find(|name| name.starts_with("build-cache-add-"));
    let added = project.join(added.expect("an archive was written"));
    build(&["--bundle", added.to_str().unwrap()]).succeeds();
    let run = ["run", "--rm", "contained-app:dev"];
    let said = site.docker(there.path(), run).succeeds().stdout;
    assert_eq!(said, words(0).replace("/word", "/other"));
    nothing_is_left(&site);
}

/// What containers of an engine send to the machine is dropped, but for one port.
struct Firewall<'a> {
    engine: &'a Engine,
    rule: String,
}

impl<'a> Firewall<'a> {
    fn before(engine: &'a Engine, origin: &Origin) -> Self {
        let format = "{{index .Options \"com.docker.network.bridge.name\"}}";
        let inspect = ["network", "inspect", "bridge", "--format", format];
        let bridge = engine.run("docker").args(inspect).quietly().succeeds();
        let port = origin.url.rsplit(':').next().unwrap();
        let bridge = bridge.stdout.trim();
        let rule = format!("INPUT -i {bridge} -p tcp ! --dport {port} -j DROP");
        engine.shell(&format!("iptables -w -I {rule}"));
        Self { engine, rule }
    }
}

impl Drop for Firewall<'_> {
    fn drop(&mut self) {
        self.engine.shell(&format!("iptables -w -D {}", self.rule));
    }
}

#[test]
fn a_firewall_keeps_nothing_from_being_recorded() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::answering(&connected, answer);
    let project = project(&origin);
    let folder = project.path();
    let export = |way: &str| {
        say(way);
        let export = ["export", "--archive", "none"];
        let exported = connected.offline(folder, export).within(600).succeeds();
        assert!(exported.all().contains("4 requests"), "{exported}");
        nothing_is_left(&connected);
        exported
    };
    let firewall = Firewall::before(&connected, &origin);
    let exported = export("a firewall");
    says_why(&exported, "containers do not reach");
    project.write("compose.yaml", ON_HOST);
    edit(&project, 1);
    let exported = export("a firewall, and one service on the host's network");
    says_why(&exported, "containers do not reach");
    drop(firewall);
    edit(&project, 2);
    let exported = export("none");
    assert!(!exported.all().contains("in a container"), "{exported}");
}

/// A step that waits for its server, when the user ends all, or the system does.
#[test]
fn an_end_leaves_nothing_behind() {
    let connected = Engine::with_plugin("28-containerd-connected");
    let origin = Origin::answering(&connected, answer);
    let project = project(&origin);
    let slow = DOCKERFILE.replace("$ORIGIN/big", "$ORIGIN/slow");
    project.write("app/Dockerfile", slow);
    let (_forward, tcp) = over_tcp(&connected);
    let export = ["export", "--archive", "none"];
    for signal in [Signal::INT, Signal::KILL] {
        say(format!("{signal:?}"));
        let running = by(&connected, &tcp, project.path(), &export).start();
        container_of(&connected);
        std::thread::sleep(Duration::from_secs(2));
        running.signal_all(signal);
        assert!(!running.finish().ok(), "it was ended");
        let deadline = Instant::now() + Duration::from_secs(15);
        let containers = || {
            let list = ["ps", "-aq", "--filter", "label=docker-offline.proxy"];
            connected
                .run("docker")
                .args(list)
                .quietly()
                .succeeds()
                .stdout
        };
        while !containers().is_empty() {
            assert!(Instant::now() < deadline, "the container stays");
            std::thread::sleep(Duration::from_millis(200));
        }
        if signal == Signal::INT {
            nothing_is_left(&connected);
        }
    }
    project.write("app/Dockerfile", DOCKERFILE);
    by(&connected, &tcp, project.path(), &export).succeeds();
    nothing_is_left(&connected);
}

const FETCHES: &str = "FROM python:3.11-slim
ARG ORIGIN
COPY words .
RUN python -c 'import sys, urllib.request; sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1]).read())' \"$ORIGIN/word\" > got
CMD [\"cat\", \"got\", \"words\"]
";

#[test]
fn what_only_the_engines_own_names_lead_to_is_recorded() {
    let engine = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::answering(&engine, answer);
    let (host, port) = origin.host_and_port();
    engine.restart_with_daemon_options(&format!(r#"{{"dns": ["{host}"]}}"#));
    let names = ["-c", NAMES, host];
    let mut names = engine.run("python3").args(names).quietly().start();
    assert!(names.wait_for("listens"), "names are known");
    let project = project(&origin);
    let (alone, _) = COMPOSE.split_once("  gate:").unwrap();
    project.write("compose.yaml", alone);
    project.write(".env", format!("ORIGIN=http://wheels.engine:{port}\n"));
    project.write("app/Dockerfile", FETCHES);
    let (_forward, tcp) = over_tcp(&engine);
    let export = ["export", "--archive", "none"];
    let exported = by(&engine, &tcp, project.path(), &export).within(600);
    let exported = exported.succeeds();
    assert!(exported.all().contains("1 requests"), "{exported}");
    nothing_is_left(&engine);
}

/// The step itself looks at no certificate; who records for it does.
const FETCHES_BY_TLS: &str = "FROM python:3.11-slim
ARG ORIGIN
COPY words .
RUN python -c 'import ssl, sys, urllib.request; sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1], context=ssl._create_unverified_context()).read())' \"$ORIGIN/ca.pem\" > got
CMD [\"cat\", \"got\", \"words\"]
";

#[test]
fn what_the_command_trusts_is_trusted_in_the_container() {
    let engine = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::answering(&engine, answer);
    let (host, _) = origin.host_and_port();
    let served = Workspace::empty("tls");
    let folder = served.path();
    engine.shell(&format!(
        "cd '{}'\n{}",
        folder.display(),
        TLS.replace("HOST", host)
    ));
    let port = free_port().to_string();
    let serve = ["-c", SERVE_TLS, host, &port];
    let mut serving = engine
        .run_in(folder, "python3")
        .args(serve)
        .quietly()
        .start();
    assert!(serving.wait_for("listens"), "it serves");
    let project = project(&origin);
    let (alone, _) = COMPOSE.split_once("  gate:").unwrap();
    project.write("compose.yaml", alone);
    project.write(".env", format!("ORIGIN=https://{host}:{port}\n"));
    project.write("app/Dockerfile", FETCHES_BY_TLS);
    let (_forward, tcp) = over_tcp(&engine);
    let ca = served.join("ca.pem");
    let ca = ca.to_str().unwrap();
    let export = ["export", "--archive", "none"];
    let exported = by(&engine, &tcp, project.path(), &export).run();
    exported.assert_failure(54, &["UnknownIssuer"]);

    say("as an authority of the system");
    let system = format!("SSL_CERT_FILE={ca}");
    let host = format!("DOCKER_HOST={tcp}");
    let words = [system.as_str(), host.as_str(), "docker", "offline"];
    let run = engine.run_in(project.path(), "env").args(words);
    let exported = run.args(export).succeeds();
    assert!(exported.all().contains("1 requests"), "{exported}");

    say("by --ca-file");
    edit(&project, 1);
    let export = [&export[..], &["--ca-file", ca]].concat();
    let exported = by(&engine, &tcp, project.path(), &export).succeeds();
    assert!(exported.all().contains("1 requests"), "{exported}");
    nothing_is_left(&engine);
}

#[test]
fn an_engine_without_root_is_recorded_and_replayed() {
    let engine = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::answering(&engine, answer);
    let project = project(&origin);
    let folder = project.path();
    let (alone, _) = COMPOSE.split_once("  gate:").unwrap();
    project.write("compose.yaml", alone);
    let (host, _) = origin.host_and_port();
    let port = free_port();
    let forward = ["-c", FORWARD, host, &port.to_string(), "127.0.0.1:5000"];
    let mut forward = engine.run("python3").args(forward).quietly().start();
    assert!(forward.wait_for("listens"), "the registry is reached");
    engine.shell(&ROOTLESS.replace("REGISTRY", &format!("{host}:{port}")));
    let rootless = "unix:///run/user/4242/docker.sock";
    let export = ["export", "--archive", "none"];
    let exported = by(&engine, rootless, folder, &export)
        .within(600)
        .succeeds();
    assert!(exported.all().contains("2 requests"), "{exported}");
    says_why(&exported, "the engine is rootless");
    edit(&project, 1);
    let built = by(&engine, rootless, folder, &["build"]).succeeds();
    assert!(built.stdout.contains("Answered 2 requests"), "{built}");
    says_why(&built, "the engine is rootless");
    let said = "docker run --rm contained-app:dev; docker ps -aq; docker volume ls -q
        docker image ls -q 'docker-offline.invalid/*'";
    let said = engine.shell(&format!("export DOCKER_HOST={rootless}; {said}"));
    assert_eq!(said.stdout, words(1));
}

#[test]
fn an_engine_behind_ssh_is_recorded_and_replayed() {
    let engine = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::answering(&engine, answer);
    let project = project(&origin);
    let folder = project.path();
    let port = free_port();
    engine.shell(&SSHD.replace("PORT", &port.to_string()));
    let ssh = format!("ssh://root@127.0.0.1:{port}");
    let export = ["export", "--archive", "none"];
    let exported = by(&engine, &ssh, folder, &export).within(600).succeeds();
    assert!(exported.all().contains("4 requests"), "{exported}");
    says_why(&exported, &ssh);
    nothing_is_left(&engine);
    edit(&project, 1);
    let built = by(&engine, &ssh, folder, &["build"]).succeeds();
    assert!(built.stdout.contains("Answered 4 requests"), "{built}");
    says_why(&built, &ssh);
    says(&engine, folder, 1);
    nothing_is_left(&engine);
}
