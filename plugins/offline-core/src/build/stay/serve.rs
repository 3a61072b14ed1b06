use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;

use offline_network::{Authority, Listen, Replay, Scrub};

use super::Error;
use super::follow::{Follower, PAUSE};
use crate::build::replay::recordings;
use crate::bundle::Record;
use crate::error::Failure;
use crate::layout::Layout;

/// The hidden command that runs in the container.
pub const SERVE: &str = "__replay";

/// Where the bundle is in the container.
pub(super) const BUNDLE: &str = "/bundle";
/// Where our folder is, which is written.
pub(super) const STATE: &str = "/state";
/// Where the folders of Dockerfiles are, by number.
pub(super) const WATCHED: &str = "/watched";

pub(super) const KEY: &str = "DOCKER_OFFLINE_REPLAY_KEY";
pub(super) const CERTIFICATE: &str = "DOCKER_OFFLINE_REPLAY_CERTIFICATE";
pub(super) const PORT: &str = "DOCKER_OFFLINE_REPLAY_PORT";

/// Answers from the bundle, and brings rewritten Dockerfiles up to date, until the
/// process is told to end.
/// What goes wrong on the way is told to `say`.
pub fn serve(say: fn(String)) -> Result<(), Failure> {
    let variable = |what: &'static str| std::env::var(what).map_err(|_| Error::ByHand { what });
    let authority = Authority::from_pem(&variable(CERTIFICATE)?, &variable(KEY)?);
    let authority = Arc::new(authority.map_err(Error::Proxy)?);
    let port: u16 = variable(PORT)?
        .parse()
        .map_err(|_| Error::ByHand { what: PORT })?;
    let layout = Layout::open(Path::new(BUNDLE))?;
    let record = Record::read(layout.path())?;
    let recordings = recordings(&layout, &record)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Error::file("start", "the proxy's threads"))?;
    runtime.block_on(async {
        let start = |address: IpAddr| {
            let listen = Listen {
                address,
                port: Some(port),
                targets: vec!["stay".to_owned()],
            };
            let (authority, recordings) = (Arc::clone(&authority), recordings.clone());
            let bodies = layout.blobs();
            async move {
                let scrub = Scrub {
                    secrets: Vec::new(),
                };
                Replay::start(&listen, authority, recordings, &scrub, bodies).await
            }
        };
        // Both families where the container has both.
        let replay = match start(Ipv6Addr::UNSPECIFIED.into()).await {
            Ok(replay) => replay,
            Err(_) => start(Ipv4Addr::UNSPECIFIED.into())
                .await
                .map_err(Error::Proxy)?,
        };
        let mut follower = Follower::new(Path::new(WATCHED), Path::new(STATE));
        std::thread::spawn(move || {
            loop {
                follower.look(&|path, error| {
                    say(format!(
                        "cannot bring {} up to date: {error}",
                        path.display()
                    ));
                });
                std::thread::sleep(PAUSE);
            }
        });
        until_told().await;
        replay.stop().await;
        Ok(())
    })
}

/// The first process of a container has to ask for the signal that ends it.
async fn until_told() {
    let both = [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT];
    let Ok(mut signals) = signal_hook::iterator::Signals::new(both) else {
        return std::future::pending().await;
    };
    let waiting = tokio::task::spawn_blocking(move || {
        signals.forever().next();
    });
    let _ = waiting.await;
}
