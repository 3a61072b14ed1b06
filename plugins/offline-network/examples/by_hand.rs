//! Records or replays by hand, for trying a tool out and for measuring:
//!
//! ```text
//! by_hand record FOLDER [--ca-file PEM] [--port N]
//! by_hand replay FOLDER [--port N]
//! ```
//!
//! `FOLDER` gets `blobs/`, `index.json`, and the authority as `ca.pem` and `ca.p12`.
//! It prints the proxy's address and runs until its standard input ends.

use std::error::Error;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use offline_network::{Authority, Listen, Recorder, Recording, Replay, Scrub, Upstream};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [command, folder, ..] = words.as_slice() else {
        return Err("by_hand record|replay FOLDER [--ca-file PEM] [--port N]".into());
    };
    let option = |name: &str| {
        let place = words.iter().position(|w| w == name)?;
        words.get(place + 1).cloned()
    };
    let folder = PathBuf::from(folder);
    fs::create_dir_all(&folder)?;
    let authority = Arc::new(Authority::new()?);
    fs::write(folder.join("ca.pem"), authority.certificate_pem())?;
    fs::write(folder.join("ca.p12"), authority.trust_store()?)?;
    let listen = Listen {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: option("--port").map(|p| p.parse()).transpose()?,
        targets: vec!["web".to_owned()],
    };
    let scrub = Scrub::default();
    let (blobs, index) = (folder.join("blobs"), folder.join("index.json"));
    let ended = || tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    if command == "record" {
        let upstream = Upstream {
            ca_file: option("--ca-file").map(PathBuf::from),
            ..Upstream::default()
        };
        let recorder = Recorder::start(&listen, authority, &upstream, &scrub, blobs).await?;
        println!("{}", recorder.proxy_url("web").unwrap_or_default());
        ended().await??;
        let result = recorder.stop().await?;
        fs::write(index, result.recording.to_json()?)?;
        for failure in &result.failures {
            println!("failed: {failure:?}");
        }
        println!("{:?}", result.counts);
    } else {
        let recording = Recording::from_json(&fs::read(index)?)?;
        let replay = Replay::start(&listen, authority, vec![recording], &scrub, blobs).await?;
        println!("{}", replay.proxy_url("web").unwrap_or_default());
        ended().await??;
        for miss in replay.misses() {
            println!("missed: {miss:?}");
        }
        println!("{:?}", replay.counts());
        replay.stop().await;
    }
    Ok(())
}
