//! A registry that misbehaves: the happy path is for a real one.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::error::{Explain, Kind};
use crate::event::{Event, Reporter};
use crate::layout::{Descriptor, Digest, Layout, Manifest, media_type};
use crate::reference::ImageReference;

const LAYER: &[u8] = &[3; 100_000];

/// Method, path and `Range` of each request; gives the whole answer.
type Answer = dyn FnMut(&str, &str, Option<&str>) -> Vec<u8> + Send;

fn serve(mut answer: Box<Answer>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream: TcpStream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let Some(Ok(first)) = lines.next() else {
                continue;
            };
            let mut words = first.split(' ');
            let (method, path) = (words.next().unwrap(), words.next().unwrap_or_default());
            let mut range = None;
            for line in lines.map_while(Result::ok).take_while(|l| !l.is_empty()) {
                if let Some(value) = line.to_lowercase().strip_prefix("range: ") {
                    range = Some(value.to_owned());
                }
            }
            let _ = stream.write_all(&answer(method, path, range.as_deref()));
        }
    });
    address
}

fn reply(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

struct Image {
    config: Vec<u8>,
    manifest: Vec<u8>,
}

fn image() -> Image {
    let diff_id = Digest::of(b"uncompressed");
    let config = format!(r#"{{"rootfs":{{"diff_ids":["{diff_id}"]}}}}"#).into_bytes();
    let manifest = Manifest {
        schema_version: 2,
        media_type: media_type::DOCKER_MANIFEST.into(),
        config: Descriptor::new(
            media_type::DOCKER_CONFIG,
            Digest::of(&config),
            config.len() as u64,
        ),
        layers: vec![Descriptor::new(
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            Digest::of(LAYER),
            LAYER.len() as u64,
        )],
        annotations: std::collections::BTreeMap::new(),
    };
    Image {
        manifest: serde_json::to_vec(&manifest).unwrap(),
        config,
    }
}

/// Answers as a registry should; layers are left to the caller.
fn well(image: &Image, method: &str, path: &str) -> Option<Vec<u8>> {
    let digest = Digest::of(&image.manifest);
    let headers = format!(
        "docker-content-digest: {digest}\r\ncontent-type: {}\r\n",
        media_type::DOCKER_MANIFEST
    );
    if path == "/v2/" {
        Some(reply("200 OK", "", b"{}"))
    } else if path.contains("/manifests/") {
        let mut answer = reply("200 OK", &headers, &image.manifest);
        if method == "HEAD" {
            answer.truncate(answer.len() - image.manifest.len());
        }
        Some(answer)
    } else if path.ends_with(&Digest::of(&image.config).hex()) {
        Some(reply("200 OK", "", &image.config))
    } else {
        None
    }
}

#[derive(Default)]
struct Retries(Mutex<Vec<(Duration, String)>>);

impl Reporter for Retries {
    fn event(&self, event: Event) {
        if let Event::Retry { wait, cause, .. } = event {
            self.0.lock().unwrap().push((wait, cause));
        }
    }
}

struct Run {
    layout: Layout,
    retries: Retries,
    outcome: Result<FetchedImage, Error>,
    _dir: tempfile::TempDir,
}

fn fetch(answer: Box<Answer>) -> Run {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::create(dir.path()).unwrap();
    let registry = Registry::new(RegistryOptions {
        mirrors: vec![format!("http://{}", serve(answer))],
        mirrors_only: true,
        first_wait: Duration::from_millis(4),
        ..RegistryOptions::default()
    })
    .unwrap();
    let retries = Retries::default();
    let outcome = registry.fetch(
        &ImageReference::parse("app:1").unwrap(),
        &"linux/amd64".parse().unwrap(),
        &layout,
        &retries,
    );
    Run {
        layout,
        retries,
        outcome,
        _dir: dir,
    }
}

#[test]
fn a_body_that_is_cut_is_continued_not_begun_again() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    let run = fetch(Box::new(move |method, path, range| {
        let image = image();
        well(&image, method, path).unwrap_or_else(|| {
            log.lock().unwrap().push(range.map(ToOwned::to_owned));
            match range {
                None => {
                    let mut answer = reply("200 OK", "", LAYER);
                    answer.truncate(answer.len() - 40_000);
                    answer
                }
                Some(_) => reply(
                    "206 Partial Content",
                    "content-range: bytes 60000-99999/100000\r\n",
                    &LAYER[60_000..],
                ),
            }
        })
    }));
    let fetched = run.outcome.unwrap();
    assert_eq!(*asked.lock().unwrap(), [None, Some("bytes=60000-".into())]);
    assert_eq!(fetched.manifest.digest, Digest::of(&image().manifest));
    assert_eq!(fetched.layers[0].0, Digest::of(b"uncompressed"));
    assert!(run.layout.has_blob(&Digest::of(LAYER), Some(100_000)));
    assert_eq!(run.retries.0.lock().unwrap().len(), 1);
}

#[test]
fn an_outage_and_a_rate_limit_are_waited_for() {
    let mut calls = 0;
    let run = fetch(Box::new(move |method, path, _| {
        well(&image(), method, path).unwrap_or_else(|| {
            calls += 1;
            match calls {
                1 => reply("503 Service Unavailable", "", b"<html>"),
                2 => reply("429 Too Many Requests", "retry-after: 1\r\n", b""),
                _ => reply("200 OK", "", LAYER),
            }
        })
    }));
    run.outcome.unwrap();
    let retries = run.retries.0.lock().unwrap();
    assert!(retries[0].1.starts_with("503"), "{retries:?}");
    assert!(retries[0].0 < Duration::from_secs(1));
    assert_eq!(retries[1].0, Duration::from_secs(1));
}

#[test]
fn bytes_that_are_not_the_blob_are_never_kept() {
    let run = fetch(Box::new(|method, path, _| {
        well(&image(), method, path).unwrap_or_else(|| reply("200 OK", "", &vec![4; 100_000]))
    }));
    assert_eq!(run.outcome.unwrap_err().kind(), Kind::RegistryUnreachable);
    assert_eq!(run.retries.0.lock().unwrap().len(), 4);
    assert!(!run.layout.has_blob(&Digest::of(LAYER), None));
}

#[test]
fn what_does_not_exist_or_is_refused_is_not_tried_again() {
    for (status, kind) in [
        ("404 Not Found", Kind::ImageNotFound),
        ("401 Unauthorized", Kind::RegistryDenied),
        ("403 Forbidden", Kind::RegistryDenied),
    ] {
        let run = fetch(Box::new(move |_, path, _| match path {
            "/v2/" => reply("200 OK", "", b""),
            _ => reply(status, "", b""),
        }));
        let error = run.outcome.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(
            error.to_string().contains("docker.io/library/app:1"),
            "{error}"
        );
        assert!(run.retries.0.lock().unwrap().is_empty());
    }
}
