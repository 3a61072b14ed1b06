//! Replays 1 GiB of recorded files beside nginx serving the same files:
//!
//! ```text
//! apt-get install nginx-light curl
//! cargo run --release -p offline-network --example beside_nginx
//! ```
//!
//! Both serve one file of 1 GiB, and 1024 files of 1 MiB over one connection, by
//! HTTP and by HTTPS, to curl on the same machine, in turns. It prints the median
//! of five rounds, and the memory of the replay. Everything is in memory after the
//! first round; the disk is not measured.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use offline_network::{Authority, Body, Digest, Exchange, Listen, Recording, Replay, Scrub};

const MIB: usize = 1 << 20;
const SMALL: usize = 1024;
const ROUNDS: usize = 5;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::TempDir::new()?;
    let (www, blobs) = (folder.path().join("www"), folder.path().join("blobs"));
    fs::create_dir_all(&www)?;
    fs::create_dir_all(&blobs)?;
    let plain = free_port()?;
    let tls = free_port()?;
    let mut recording = Recording::default();
    let mut add = |name: &str, bytes: &[u8]| -> Result<(), Box<dyn Error>> {
        let digest = Digest::of(bytes);
        fs::write(www.join(name), bytes)?;
        fs::hard_link(www.join(name), blobs.join(digest.hex()))?;
        for site in [
            format!("http://127.0.0.1:{plain}"),
            format!("https://127.0.0.1:{tls}"),
        ] {
            recording.exchanges.push(Exchange {
                method: "GET".into(),
                url: format!("{site}/{name}"),
                varies: [].into(),
                request_body: None,
                status: 200,
                headers: vec![("content-type".into(), "application/octet-stream".into())],
                body: Some(Body {
                    digest: digest.clone(),
                    size: bytes.len() as u64,
                }),
                targets: BTreeSet::from(["bench".to_owned()]),
            });
        }
        Ok(())
    };
    add("large", &vec![7; 1024 * MIB])?;
    for number in 0..SMALL {
        let mut bytes = vec![7; MIB];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        add(&format!("small{number}"), &bytes)?;
    }
    let authority = Arc::new(Authority::new()?);
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, authority.certificate_pem())?;
    let listen = Listen {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: None,
        targets: vec!["bench".to_owned()],
    };
    let scrub = Scrub::default();
    let replay = Replay::start(&listen, authority, vec![recording], &scrub, blobs).await?;
    let proxy = replay.proxy_url("bench").unwrap_or_default();
    let mut nginx = nginx(folder.path(), &www, plain, tls)?;
    let site_ca = folder.path().join("nginx.pem");
    for (scheme, port) in [("http", plain), ("https", tls)] {
        let site = format!("{scheme}://127.0.0.1:{port}");
        let large = format!("{site}/large");
        let small = format!("{site}/small[0-{}]", SMALL - 1);
        for (name, url) in [("one of 1 GiB", large), ("1024 of 1 MiB", small)] {
            let (mut theirs, mut ours) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                theirs.push(curl(&url, &site_ca, &[])?);
                ours.push(curl(&url, &ca, &["--proxy", &proxy])?);
            }
            let (theirs, ours) = (median(theirs), median(ours));
            println!("{scheme:5} {name:14} nginx {theirs:.2?}  replay {ours:.2?}");
        }
    }
    // Killed, it would leave its workers behind.
    let configuration = folder.path().join("nginx.conf");
    let stop = Command::new("nginx")
        .arg("-c")
        .arg(configuration)
        .args(["-s", "stop"])
        .status();
    stop?;
    nginx.wait()?;
    let status = fs::read_to_string("/proc/self/status")?;
    let memory = status.lines().find(|l| l.starts_with("VmRSS"));
    println!("replay's memory at the end: {}", memory.unwrap_or_default());
    Ok(())
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// nginx as Debian configures it for static files, in a folder of its own.
fn nginx(folder: &Path, www: &Path, plain: u16, tls: u16) -> Result<Child, Box<dyn Error>> {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
    fs::write(folder.join("nginx.pem"), made.cert.pem())?;
    fs::write(folder.join("nginx.key"), made.signing_key.serialize_pem())?;
    let (folder, www) = (folder.display(), www.display());
    let configuration = format!(
        "daemon off; worker_processes auto; user root; pid {folder}/pid; error_log stderr;
        events {{ worker_connections 768; }}
        http {{
            sendfile on; tcp_nopush on; access_log off; keepalive_requests 10000;
            server {{ listen 127.0.0.1:{plain}; root {www}; }}
            server {{ listen 127.0.0.1:{tls} ssl; root {www};
                ssl_certificate {folder}/nginx.pem; ssl_certificate_key {folder}/nginx.key; }}
        }}"
    );
    let path = format!("{folder}/nginx.conf");
    fs::write(&path, configuration)?;
    let child = Command::new("nginx").args(["-c", &path]).spawn()?;
    std::thread::sleep(Duration::from_secs(1));
    Ok(child)
}

fn curl(url: &str, ca: &Path, more: &[&str]) -> Result<Duration, Box<dyn Error>> {
    let mut curl = Command::new("curl");
    curl.args(["-fsS", "--no-progress-meter", "--noproxy", "", "--cacert"]);
    curl.arg(ca).args(more).arg(url).stdout(Stdio::null());
    let start = Instant::now();
    if !curl.status()?.success() {
        return Err(format!("curl {url} failed").into());
    }
    Ok(start.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
