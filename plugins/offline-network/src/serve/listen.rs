//! One port for each target.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::connection::{Answer, Shared, serve_client};
use crate::{Authority, Error, Listen};

/// The ports that are listened on, until this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    ports: BTreeMap<String, SocketAddr>,
    /// Dropping it ends every connection.
    _running: watch::Sender<()>,
}

/// Ports that are bound, and not yet served.
pub(crate) struct Bound {
    listeners: Vec<(String, TcpListener, SocketAddr)>,
}

impl Bound {
    pub(crate) async fn new(listen: &Listen) -> Result<Self, Error> {
        let mut listeners = Vec::new();
        for (number, target) in listen.targets.iter().enumerate() {
            let port = match listen.port {
                None | Some(0) => 0,
                Some(first) => u16::try_from(number)
                    .ok()
                    .and_then(|n| first.checked_add(n))
                    .ok_or(Error::PortRange {
                        first,
                        targets: listen.targets.len(),
                    })?,
            };
            let address = SocketAddr::new(listen.address, port);
            let failed = |source: io::Error| match source.kind() {
                io::ErrorKind::AddrInUse => Error::PortInUse { address },
                io::ErrorKind::AddrNotAvailable => Error::AddressNotHere {
                    address: listen.address,
                },
                _ => Error::Listen { address, source },
            };
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            let bound = listener.local_addr().map_err(failed)?;
            listeners.push((target.clone(), listener, bound));
        }
        Ok(Self { listeners })
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|(_, _, a)| *a).collect()
    }

    /// Serves until the result is dropped.
    pub(crate) fn serve<A: Answer>(self, authority: Arc<Authority>, answer: Arc<A>) -> Server {
        let (running, ended) = watch::channel(());
        let shared = Arc::new(Shared {
            answer,
            authority,
            own: self.addresses(),
            ended: ended.clone(),
        });
        let mut ports = BTreeMap::new();
        for (target, listener, address) in self.listeners {
            ports.insert(target.clone(), address);
            tokio::spawn(accept(
                listener,
                shared.clone(),
                target.into(),
                ended.clone(),
            ));
        }
        Server {
            ports,
            _running: running,
        }
    }
}

impl Server {
    pub(crate) fn port(&self, target: &str) -> Option<u16> {
        self.ports.get(target).map(SocketAddr::port)
    }

    pub(crate) fn proxy_url(&self, target: &str) -> Option<String> {
        self.ports.get(target).map(|a| format!("http://{a}"))
    }
}

async fn accept<A: Answer>(
    listener: TcpListener,
    shared: Arc<Shared<A>>,
    target: Arc<str>,
    mut ended: watch::Receiver<()>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = ended.changed() => return,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, say: others close, and then it goes on.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let shared = shared.clone();
        let target = target.clone();
        let mut ended = ended.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = serve_client(stream, shared, target) => (),
                _ = ended.changed() => (),
            }
        });
    }
}
