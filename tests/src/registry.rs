use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::{Invocation, on_machine};

/// The digest that a tag stands for in the lab's registry, as the registry tells
/// it: that of the index where the tag is one.
pub fn digest_of(name: &str, tag: &str) -> String {
    let ran = manifest(name, tag).arg("-I").succeeds();
    let digest = ran.stdout.lines().find_map(|line| {
        let (header, value) = line.split_once(':')?;
        header
            .eq_ignore_ascii_case("docker-content-digest")
            .then(|| value.trim().to_owned())
    });
    digest.unwrap_or_else(|| panic!("{name}:{tag} has no digest: {ran}"))
}

/// The digests that an index names, none for a bare manifest.
pub fn platforms_of(name: &str, reference: &str) -> Vec<String> {
    let json = manifest(name, reference).succeeds().json();
    let manifests = json["manifests"].as_array().cloned().unwrap_or_default();
    manifests
        .iter()
        .filter_map(|m| Some(m["digest"].as_str()?.to_owned()))
        .collect()
}

fn manifest(name: &str, reference: &str) -> Invocation {
    let port = port();
    on_machine("curl")
        .args([
            "-sSf",
            "-H",
            "Accept: application/vnd.oci.image.index.v1+json",
        ])
        .args(["-H", "Accept: application/vnd.oci.image.manifest.v1+json"])
        .arg(format!(
            "http://127.0.0.1:{port}/v2/{name}/manifests/{reference}"
        ))
        .quietly()
}

/// A way to the registry of its own, which sees what is asked there: who takes it for a
/// mirror is not mistaken for others that pull at the same time. It goes with the test
/// process.
#[derive(Debug)]
pub struct Watched {
    /// Its address, as an engine takes it in `registry-mirrors`.
    pub url: String,
    asked: Arc<Mutex<BTreeSet<String>>>,
}

impl Watched {
    /// Opens one.
    pub fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let seen = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                thread::spawn(move || pass_on(&stream, &seen));
            }
        });
        Self { url, asked }
    }

    /// Forgets what was asked for.
    pub fn forget(&self) {
        self.asked.lock().unwrap().clear();
    }

    /// The manifests that were asked for, present or not: `library/debian:tag`, or
    /// `library/debian@sha256:...`.
    pub fn asked(&self) -> BTreeSet<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Passes a connection on to the registry, line by line where it asks: who pulls sends
/// requests without a body.
fn pass_on(stream: &TcpStream, seen: &Mutex<BTreeSet<String>>) -> Option<()> {
    let registry = TcpStream::connect(format!("127.0.0.1:{}", port())).ok()?;
    let (mut from, mut to) = (registry.try_clone().ok()?, stream.try_clone().ok()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let mut asks = BufReader::new(stream);
    let mut registry = registry;
    let mut line = Vec::new();
    while asks.read_until(b'\n', &mut line).ok()? > 0 {
        if let Some(manifest) = manifest_of(&String::from_utf8_lossy(&line)) {
            seen.lock().unwrap().insert(manifest);
        }
        registry.write_all(&line).ok()?;
        line.clear();
    }
    registry.shutdown(Shutdown::Write).ok()
}

/// `GET /v2/NAME/manifests/REFERENCE?ns=docker.io HTTP/1.1`
fn manifest_of(line: &str) -> Option<String> {
    let (method, rest) = line.split_once(" /v2/")?;
    let path = rest.split([' ', '?']).next()?;
    let (name, reference) = path.split_once("/manifests/")?;
    let between = if reference.starts_with("sha256:") {
        '@'
    } else {
        ':'
    };
    matches!(method, "GET" | "HEAD").then(|| format!("{name}{between}{reference}"))
}

fn port() -> String {
    std::env::var("LAB_REGISTRY_PORT").unwrap_or_else(|_| "5000".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_known_by_its_request() {
        let of = |line| manifest_of(line).unwrap_or_default();
        let tag = "HEAD /v2/library/debian/manifests/multi?ns=docker.io HTTP/1.1\r\n";
        assert_eq!(of(tag), "library/debian:multi");
        let digest = "GET /v2/library/redis/manifests/sha256:00 HTTP/1.1\r\n";
        assert_eq!(of(digest), "library/redis@sha256:00");
        assert_eq!(of("GET /v2/library/redis/blobs/sha256:00 HTTP/1.1\r\n"), "");
        assert_eq!(of("Host: 127.0.0.1\r\n"), "");
    }
}
