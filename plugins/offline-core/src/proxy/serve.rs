//! The program in the container.

use std::io::{BufRead as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime};

use offline_network::{Authority, Listen, Recorder, Recording, Replay};

use super::Error;
use super::bodies::{BODIES, RECORDINGS};
use super::wire::{Ask, Role, Settings, Told};
use crate::error::Failure;

/// The hidden command that runs in the container.
pub const PROXY: &str = "__proxy";

/// Where the authorities are that the exporting machine trusts; the container's
/// `SSL_CERT_FILE`.
pub(super) const SYSTEM: &str = "/system.pem";
/// Where those of `--ca-file` are.
const FURTHER: &str = "/further.pem";

/// A proxy that listens.
enum Proxy {
    Recording(Recorder),
    Replaying(Replay),
}

/// Is the proxy, for the process at the other end of its standard input, until that ends.
pub fn serve() -> Result<(), Failure> {
    let gone = Arc::new(AtomicBool::new(false));
    let lines = lines(Arc::clone(&gone));
    tell(&Told::Runs)?;
    let settings = lines.recv().map_err(|_| Error::ByHand)?;
    let settings: Settings = serde_json::from_str(&settings).map_err(|_| Error::ByHand)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Error::file("start", "the proxy's threads"))?;
    let targets = settings.targets.clone();
    let proxy = match start(&runtime, settings) {
        Ok(proxy) => proxy,
        Err(failure) => {
            return tell(&Told::Refused(words(&failure)));
        }
    };
    let port = |target: &String| {
        let port = match &proxy {
            Proxy::Recording(recorder) => recorder.port(target),
            Proxy::Replaying(replay) => replay.port(target),
        };
        Some((target.clone(), port?))
    };
    tell(&Told::Listens {
        ports: targets.iter().filter_map(port).collect(),
        now: SystemTime::now(),
    })?;
    let mut proxy = Some(proxy);
    while let Ok(line) = lines.recv() {
        let Ok(ask) = serde_json::from_str(&line) else {
            break;
        };
        let told = runtime.block_on(async {
            tokio::select! {
                told = answer(&mut proxy, ask) => Some(told),
                () = until(&gone) => None,
            }
        });
        match told {
            Some(told) => tell(&told)?,
            None => break,
        }
    }
    Ok(())
}

/// What is asked. At the end of standard input, or at a signal, `gone` is set and a line
/// without a question comes: the first process of a container has to ask for signals.
fn lines(gone: Arc<AtomicBool>) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    let (by_signal, gone_by_signal) = (sender.clone(), Arc::clone(&gone));
    let both = [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT];
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
        gone.store(true, Ordering::Relaxed);
        let _ = sender.send(String::new());
    });
    if let Ok(mut signals) = signal_hook::iterator::Signals::new(both) {
        std::thread::spawn(move || {
            if signals.forever().next().is_some() {
                gone_by_signal.store(true, Ordering::Relaxed);
                let _ = by_signal.send(String::new());
            }
        });
    }
    lines
}

/// Ends soon after `gone` is set.
async fn until(gone: &AtomicBool) {
    while !gone.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn tell(told: &Told) -> Result<(), Failure> {
    let write = || -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, told)?;
        out.write_all(b"\n")?;
        out.flush()
    };
    Ok(write().map_err(Error::file("write", "standard output"))?)
}

fn words(failure: &Failure) -> String {
    let mut text = failure.to_string();
    let mut cause = std::error::Error::source(failure.error());
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

fn start(runtime: &tokio::runtime::Runtime, settings: Settings) -> Result<Proxy, Failure> {
    let authority = Authority::from_pem(&settings.certificate, &settings.key);
    let authority = Arc::new(authority.map_err(Error::Proxy)?);
    // Both families where the container has both.
    let addresses: [IpAddr; 2] = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
    let listen = addresses.map(|address| Listen {
        address: settings.address.unwrap_or(address),
        port: None,
        targets: settings.targets.clone(),
    });
    let (authority, scrub) = (|| Arc::clone(&authority), &settings.scrub);
    let bodies = || PathBuf::from(BODIES);
    let started = match settings.role {
        Role::Record {
            mut upstream,
            system,
            further,
        } => {
            std::fs::write(SYSTEM, system).map_err(Error::file("write", SYSTEM))?;
            upstream.ca_file = None;
            if let Some(further) = further {
                std::fs::write(FURTHER, further).map_err(Error::file("write", FURTHER))?;
                upstream.ca_file = Some(FURTHER.into());
            }
            let start = |listen| Recorder::start(listen, authority(), &upstream, scrub, bodies());
            let started = match runtime.block_on(start(&listen[0])) {
                Ok(started) => Ok(started),
                Err(_) => runtime.block_on(start(&listen[1])),
            };
            started.map(Proxy::Recording)
        }
        Role::Replay { recordings } => {
            let recordings = (0..recordings).map(read_recording);
            let recordings = recordings.collect::<Result<Vec<_>, _>>()?;
            let start =
                |listen| Replay::start(listen, authority(), recordings.clone(), scrub, bodies());
            let started = match runtime.block_on(start(&listen[0])) {
                Ok(started) => Ok(started),
                Err(_) => runtime.block_on(start(&listen[1])),
            };
            started.map(Proxy::Replaying)
        }
    };
    Ok(started.map_err(Error::Proxy)?)
}

fn read_recording(number: usize) -> Result<Recording, Failure> {
    let path = PathBuf::from(format!("{RECORDINGS}/{number}.json"));
    let bytes = std::fs::read(&path).map_err(Error::file("read", &path))?;
    Ok(Recording::from_json(&bytes).map_err(Error::Proxy)?)
}

async fn answer(proxy: &mut Option<Proxy>, ask: Ask) -> Told {
    match (proxy.as_ref(), ask) {
        (Some(Proxy::Recording(recorder)), Ask::Requests) => Told::Requests(recorder.requests()),
        (Some(Proxy::Recording(recorder)), Ask::Failures) => Told::Failures(recorder.failures()),
        (Some(Proxy::Recording(recorder)), Ask::Counts) => Told::Counts(recorder.counts()),
        (
            Some(Proxy::Recording(recorder)),
            Ask::Fetch {
                target,
                method,
                url,
                accept,
            },
        ) => {
            let fetching = recorder.fetch(&target, &method, &url, accept.as_deref());
            // A failure is listed by the recorder, and judged with all others.
            let _ = fetching.await;
            Told::Fetched
        }
        (Some(Proxy::Recording(_)), Ask::Stop) => match proxy.take() {
            Some(Proxy::Recording(recorder)) => match recorder.stop().await {
                Ok(all) => Told::Recorded(Box::new(all)),
                Err(error) => Told::Refused(error.to_string()),
            },
            _ => Told::Refused("it has stopped".to_owned()),
        },
        (Some(Proxy::Replaying(replay)), Ask::Misses) => Told::Misses(replay.misses()),
        (Some(Proxy::Replaying(replay)), Ask::Narrowed) => Told::Narrowed(replay.narrowed()),
        (Some(Proxy::Replaying(replay)), Ask::Alike) => Told::Alike(replay.alike()),
        (Some(Proxy::Replaying(replay)), Ask::Counts) => Told::Counts(replay.counts()),
        (_, ask) => Told::Refused(format!("{ask:?} cannot be asked of it")),
    }
}
