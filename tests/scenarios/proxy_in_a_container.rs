//! Engines whose builds do not reach a process beside the command: the proxy runs in a
//! container of theirs, for recording and for replay, and nothing of it is left behind.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use docker_offline_tests::{Engine, Invocation, Origin, Ran, Running, Signal, Workspace, say};

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

const FORWARD: &str = r"
import socket, sys, threading
def copy(one, other):
    try:
        while data := one.recv(65536): other.sendall(data)
        other.shutdown(socket.SHUT_WR)
    except OSError: pass
server = socket.create_server((sys.argv[1], int(sys.argv[2])))
print('listens', flush=True)
while True:
    near, _ = server.accept()
    if sys.argv[3].startswith('/'):
        far = socket.socket(socket.AF_UNIX)
        far.connect(sys.argv[3])
    else:
        host, port = sys.argv[3].split(':')
        far = socket.create_connection((host, int(port)))
    for pair in (near, far), (far, near): threading.Thread(target=copy, args=pair, daemon=True).start()
";

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
    let export = ["export", "--builder", "buildkit", "--archive", archive];
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
        let export = ["export", "--builder", "buildkit", "--archive", "none"];
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
    let export = ["export", "--builder", "buildkit", "--archive", "none"];
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

/// An engine without root on the machine of another one, with the registry behind the
/// bridge of that: it has a network namespace of its own.
const ROOTLESS: &str = "
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends rootlesskit slirp4netns uidmap
echo 'rl:x:4242:4242::/home/rl:/bin/sh' >> /etc/passwd
echo 'rl:x:4242:' >> /etc/group
echo 'rl:231072:65536' | tee -a /etc/subuid >> /etc/subgid
mkdir -p /home/rl /run/user/4242
chown rl:rl /home/rl /run/user/4242
chmod 700 /run/user/4242
mknod -m 666 /run/tun c 10 200
mount --bind /run/tun /dev/net/tun
setsid setpriv --reuid rl --regid rl --clear-groups env HOME=/home/rl XDG_RUNTIME_DIR=/run/user/4242 \
    DOCKERD_ROOTLESS_ROOTLESSKIT_NET=slirp4netns DOCKER_HOST= \
    sh /usr/share/docker.io/contrib/dockerd-rootless.sh --storage-driver vfs \
    --registry-mirror http://REGISTRY > /run/rootless.log 2>&1 < /dev/null &
until curl -sf -o /dev/null --max-time 1 --unix-socket /run/user/4242/docker.sock http://engine/_ping; do sleep 0.2; done
";

#[test]
fn an_engine_without_root_is_recorded_and_replayed() {
    let engine = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::answering(&engine, answer);
    let project = project(&origin);
    let folder = project.path();
    let (alone, _) = COMPOSE.split_once("  gate:").unwrap();
    project.write("compose.yaml", alone);
    let host = origin.url.trim_start_matches("http://");
    let host = host.split(':').next().unwrap();
    let port = free_port();
    let forward = ["-c", FORWARD, host, &port.to_string(), "127.0.0.1:5000"];
    let mut forward = engine.run("python3").args(forward).quietly().start();
    assert!(forward.wait_for("listens"), "the registry is reached");
    engine.shell(&ROOTLESS.replace("REGISTRY", &format!("{host}:{port}")));
    let rootless = "unix:///run/user/4242/docker.sock";
    let export = ["export", "--builder", "buildkit", "--archive", "none"];
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

/// A server of ssh on the engine's machine, which its own client reaches by a key.
const SSHD: &str = "
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openssh-server openssh-client
mkdir -p /run/sshd /root/.ssh
chmod 700 /root/.ssh
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
/usr/sbin/sshd -o ListenAddress=127.0.0.1:PORT -o PermitRootLogin=yes -o UsePAM=no -o StrictModes=no -E /run/sshd.log
until ssh-keyscan -p PORT 127.0.0.1 > /root/.ssh/known_hosts && [ -s /root/.ssh/known_hosts ]; do sleep 0.2; done
";

#[test]
fn an_engine_behind_ssh_is_recorded_and_replayed() {
    let engine = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::answering(&engine, answer);
    let project = project(&origin);
    let folder = project.path();
    let port = free_port();
    engine.shell(&SSHD.replace("PORT", &port.to_string()));
    let ssh = format!("ssh://root@127.0.0.1:{port}");
    let export = ["export", "--builder", "buildkit", "--archive", "none"];
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
