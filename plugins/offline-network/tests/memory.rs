//! Memory stays flat for bodies of any size.
#![allow(clippy::unwrap_used, clippy::similar_names)] // What fails here fails by panicking.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;

use offline_network::{Authority, Listen, Recorder, Replay, Scrub, Upstream};

const MIB: u64 = 1 << 20;
const BODY: u64 = 300 * MIB;

/// The most memory that this process ever had, in bytes (proc(5), `VmHWM`).
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 1024
}

fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n").unwrap();
            let chunk = vec![b'x'; 1 << 20];
            for _ in 0..BODY / MIB {
                if stream.write_all(&chunk).is_err() {
                    break;
                }
            }
        }
    });
    port
}

fn download(proxy: u16, server: u16) {
    let mut stream = TcpStream::connect(("127.0.0.1", proxy)).unwrap();
    let request = format!(
        "GET http://127.0.0.1:{server}/big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut total = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = stream.read(&mut buffer).unwrap();
        if read == 0 {
            break;
        }
        total += read as u64;
        // Slower than the server, so that the rest would pile up if it could.
        if total < 20 * MIB {
            std::thread::sleep(std::time::Duration::from_micros(500));
        }
    }
    assert!(total > BODY, "{total}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_takes_no_more_memory_than_a_small_one() {
    let listen = Listen {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: None,
        targets: vec!["web".to_owned()],
    };
    let folder = tempfile::TempDir::new().unwrap();
    let authority = Arc::new(Authority::new().unwrap());
    let scrub = Scrub {
        secrets: vec![b"a secret that is looked for".to_vec()],
    };
    let upstream = Upstream::default();
    let site = server();
    let recorder = Recorder::start(
        &listen,
        authority.clone(),
        &upstream,
        &scrub,
        folder.path().to_owned(),
    )
    .await
    .unwrap();
    let before = peak();
    let port = recorder.port("web").unwrap();
    tokio::task::spawn_blocking(move || download(port, site))
        .await
        .unwrap();
    let recording = peak() - before;
    let recorded = recorder.stop().await.unwrap();
    assert_eq!(recorded.recording.bodies().first().unwrap().size, BODY);
    let replay = Replay::start(
        &listen,
        authority,
        vec![recorded.recording],
        &scrub,
        folder.path().to_owned(),
    )
    .await
    .unwrap();
    let port = replay.port("web").unwrap();
    tokio::task::spawn_blocking(move || download(port, site))
        .await
        .unwrap();
    let grown = peak() - before;
    assert!(
        grown < 48 * MIB,
        "{} MiB, recording {} MiB",
        grown / MIB,
        recording / MIB
    );
}
