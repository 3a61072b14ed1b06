//! What a connected side behind mirrors and proxies needs reaches builds and
//! registries, and the site's builds are none the worse for it.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use docker_offline_tests::{Carried, Engine, Refusal, Running, Signal, Workspace, say};

const DOCKERFILE: &str = "FROM busybox:1.36\nARG MIRROR=none\nARG BUILD_DATE\nRUN echo \"$MIRROR\" > /mirror && echo \"$BUILD_DATE\" > /date && echo \"$http_proxy\" > /proxy && head -c 16 /dev/urandom | md5sum > /stamp\nCOPY word /word\n";

#[test]
fn build_arguments_are_carried_and_proxies_are_not_needed() {
    let project = Workspace::of_files(
        "arguments",
        &[
            (
                "compose.yaml",
                "services:\n  app:\n    build: ./app\n    image: app:dev\n",
            ),
            ("app/Dockerfile", DOCKERFILE),
            ("app/word", "one\n"),
        ],
    );
    let mirror = "http://mirror.example/a$b ${c}";
    let connected = Engine::with_plugin("28-overlay2-connected");
    let proxy = "http://user:word@proxy.example:3128";
    let argument = format!("MIRROR={mirror}");
    // What plain Compose would read as a point in time.
    let date = "2024-01-01";
    let dated = format!("BUILD_DATE={date}");
    let arguments = ["--build-arg", &argument, "--build-arg", &dated];
    let flags = [&arguments[..], &["--http-proxy", proxy]].concat();
    let carried = Carried::export(&connected, project, &flags);
    drop(connected);
    for kind in ["28-containerd-airgapped", "26-overlay2-airgapped"] {
        let (site, project) = carried.arrive(kind);
        let folder = project.path();
        let built = site
            .offline(folder, ["build", "--bundle"])
            .arg(carried.archive())
            .succeeds();
        assert!(built.stdout.contains("compose.override.yaml"), "{built}");
        let cat = |file: &str| {
            let args = ["run", "--rm", "app:dev", "cat", file];
            site.docker(folder, args).succeeds().stdout
        };
        assert_eq!(cat("/mirror").trim_end(), mirror, "{kind}");
        assert_eq!(cat("/date").trim_end(), date, "{kind}");
        assert_eq!(
            cat("/proxy").trim_end(),
            proxy,
            "built at the export, {kind}"
        );
        let stamp = cat("/stamp");
        project.write("app/word", "two\n");
        site.compose_up(folder);
        assert_eq!(
            cat("/stamp"),
            stamp,
            "plain Compose found the step on {kind}"
        );
        assert_eq!(cat("/word"), "two\n", "{kind}");
    }
}

/// A proxy that sends every connection to one address, and tells for whom it was.
fn proxy(address: String) -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let (tell, address) = (tell.clone(), address.clone());
            thread::spawn(move || connect(client, &address, &tell));
        }
    });
    (port, told)
}

fn connect(mut client: TcpStream, address: &str, tell: &mpsc::Sender<String>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut request = String::new();
    reader.read_line(&mut request).ok()?;
    let mut line = String::new();
    while reader.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    let target = request
        .strip_prefix("CONNECT ")?
        .split(' ')
        .next()?
        .to_owned();
    let port: u16 = target.rsplit(':').next()?.parse().ok()?;
    tell.send(target).ok()?;
    let mut server = TcpStream::connect((address, port)).ok()?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let (mut from, mut to) = (server.try_clone().ok()?, client.try_clone().ok()?);
    let back = thread::spawn(move || std::io::copy(&mut from, &mut to));
    let mut sent = reader.buffer().to_vec();
    server.write_all(&sent).ok()?;
    sent.resize(1 << 16, 0);
    loop {
        match client.read(&mut sent) {
            Ok(0) | Err(_) => break,
            Ok(read) => server.write_all(&sent[..read]).ok()?,
        }
    }
    let _ = server.shutdown(std::net::Shutdown::Write);
    back.join().ok()?.ok().map(|_| ())
}

/// A registry whose certificate is of an authority that nobody knows, serving
/// `own/tool:1`; gives the image's name and the registry's address, and keeps
/// the authority in `folder`.
fn registry_of_its_own(engine: &Engine, folder: &Workspace) -> (String, String, Running) {
    let port = 20000 + std::process::id() % 10000;
    let host = format!("registry.test:{port}");
    // Not loopback, where no certificate matters to Docker.
    let format = "{{(index .IPAM.Config 0).Gateway}}";
    let inspect = ["network", "inspect", "bridge", "--format", format];
    let address = engine.docker(folder.path(), inspect).quietly().succeeds();
    let address = address.stdout.trim().to_owned();
    // The engine's hosts file is the machine's until it is taken away here.
    folder.write(
        "prepare",
        format!(
            "set -e\ncd '{}'\n\
             openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=Own CA' -keyout ca.key -out ca.pem\n\
             openssl req -newkey rsa:2048 -nodes -subj '/CN=registry.test' -keyout tls.key -out tls.csr\n\
             printf 'subjectAltName=DNS:registry.test' > tls.ext\n\
             openssl x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile tls.ext -out tls.pem\n\
             mkdir -p '/etc/docker/certs.d/{host}' registry\n\
             cp ca.pem '/etc/docker/certs.d/{host}/ca.crt'\n\
             umount /etc/hosts\n\
             printf '127.0.0.1 localhost\\n{address} registry.test\\n' > /etc/hosts\n\
             printf 'version: 0.1\\nstorage: {{filesystem: {{rootdirectory: %s/registry}}}}\\nhttp: {{addr: {address}:{port}, tls: {{certificate: %s/tls.pem, key: %s/tls.key}}}}\\n' \"$PWD\" \"$PWD\" \"$PWD\" > config.yml\n",
            folder.path().display()
        ),
    );
    engine
        .run("sh")
        .arg(folder.join("prepare"))
        .quietly()
        .succeeds();
    let mut registry = engine
        .run("docker-registry")
        .arg("serve")
        .arg(folder.join("config.yml"))
        .quietly()
        .start();
    assert!(registry.wait_for("listening on"), "the registry starts");
    let image = format!("{host}/own/tool:1");
    let docker = |args: [&str; 3]| engine.docker(folder.path(), args).quietly().succeeds();
    docker(["pull", "-q", "busybox:1.36"]);
    docker(["tag", "busybox:1.36", &image]);
    docker(["push", "-q", &image]);
    (image, address, registry)
}

#[test]
fn a_registry_behind_a_proxy_with_an_authority_of_its_own() {
    let engine = Engine::with_plugin("28-overlay2-connected");
    let folder = Workspace::empty("registry");
    let (image, address, registry) = registry_of_its_own(&engine, &folder);
    let project = Workspace::of_files(
        "own",
        &[(
            "compose.yaml",
            &format!("services:\n  tool:\n    image: {image}\n"),
        )],
    );
    Refusal::of(&engine, &project, &["export"])
        .but_for("build-cache")
        .says(21, &["certificate", "--ca-file"]);
    let ran = engine
        .offline(project.path(), ["export", "--ca-file", "compose.yaml"])
        .run();
    assert_eq!(ran.code, 2, "{ran}");
    assert!(ran.stderr.contains("PEM"), "{ran}");

    let (port, told) = proxy(address);
    let ca = folder.join("ca.pem");
    let through = format!("http://127.0.0.1:{port}");
    engine
        .offline(project.path(), ["export", "--archive", "none", "--ca-file"])
        .arg(&ca)
        .args(["--http-proxy", &through])
        .succeeds();
    let host = image.split('/').next().unwrap();
    let first = told.try_recv().expect("the proxy was asked");
    say(format!("      the proxy was asked for {first}"));
    assert_eq!(first, host);
    assert!(project.join("build-cache/bundle.json").exists());
    registry.signal_all(Signal::TERM);
    registry.finish();
}
