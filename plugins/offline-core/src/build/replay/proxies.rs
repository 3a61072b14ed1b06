use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use offline_network::{Alike, Authority, Counts, Listen, Miss, Narrowed, Recording, Replay, Scrub};

use super::Error;
use crate::bundle::Record;
use crate::engine::{Docker, EngineInfo};
use crate::error::Failure;
use crate::layout::Layout;

/// The proxies that answer from the bundle, one for each address that builds need.
/// Nothing is started before a service asks for it.
#[derive(Debug)]
pub(super) struct Proxies {
    /// Dropped last, with all that still runs in it.
    runtime: tokio::runtime::Runtime,
    authority: Arc<Authority>,
    recordings: Vec<Recording>,
    scrub: Scrub,
    bodies: std::path::PathBuf,
    /// Whose ports there are.
    services: Vec<String>,
    running: BTreeMap<IpAddr, Replay>,
}

impl Proxies {
    /// Reads the bundle's recordings, the newest last.
    pub(super) fn new(
        layout: &Layout,
        record: &Record,
        services: Vec<String>,
        secrets: Vec<Vec<u8>>,
    ) -> Result<Self, Failure> {
        let recordings = recordings(layout, record)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|source| Error::Write {
                path: "the proxy's threads".into(),
                source,
            })?;
        let authority = Authority::new().map_err(|source| Error::Proxy {
            address: Ipv4Addr::LOCALHOST.into(),
            source,
        })?;
        Ok(Self {
            runtime,
            authority: Arc::new(authority),
            recordings,
            scrub: Scrub { secrets },
            bodies: layout.blobs(),
            services,
            running: BTreeMap::new(),
        })
    }

    /// The certificate that builds have to trust, in PEM form.
    pub(super) fn certificate(&self) -> &str {
        self.authority.certificate_pem()
    }

    /// Where a service's build reaches its proxy; it is started when it is the first
    /// to ask.
    pub(super) fn address_for(
        &mut self,
        docker: &Docker,
        engine: &EngineInfo,
        service: &str,
    ) -> Result<SocketAddr, Failure> {
        let address = docker
            .proxy_place(engine)
            .map_err(|place| Error::Elsewhere {
                why: place.why,
                remedy: place.remedy,
            })?;
        if !self.running.contains_key(&address) {
            let started = self.start(address)?;
            self.running.insert(address, started);
        }
        let port = self.running.get(&address).and_then(|r| r.port(service));
        let port = port.ok_or_else(|| Error::Elsewhere {
            why: format!("the proxy has no port for service {service}"),
            remedy: "run the same command again".into(),
        })?;
        Ok(SocketAddr::new(address, port))
    }

    fn start(&self, address: IpAddr) -> Result<Replay, Error> {
        let listen = Listen {
            address,
            port: None,
            targets: self.services.clone(),
        };
        let starting = Replay::start(
            &listen,
            Arc::clone(&self.authority),
            self.recordings.clone(),
            &self.scrub,
            self.bodies.clone(),
        );
        self.runtime.block_on(starting).map_err(|source| match source {
            offline_network::Error::AddressNotHere { .. } => Error::Elsewhere {
                why: format!("the engine's bridge has the address {address}, which is none of this machine: the engine runs elsewhere, or in a network namespace of its own"),
                remedy: "run docker offline build on the engine's own machine".into(),
            },
            source => Error::Proxy { address, source },
        })
    }

    /// Whether any was started.
    pub(super) fn started(&self) -> bool {
        !self.running.is_empty()
    }

    /// Where builds reach one of them.
    pub(super) fn an_address(&self) -> Option<SocketAddr> {
        let (address, replay) = self.running.first_key_value()?;
        let port = self
            .services
            .iter()
            .find_map(|service| replay.port(service))?;
        Some(SocketAddr::new(*address, port))
    }

    /// What was asked for and is not recorded, so far.
    pub(super) fn misses(&self) -> Vec<Miss> {
        self.running.values().flat_map(Replay::misses).collect()
    }

    /// The packages that were offered in part only, so far.
    pub(super) fn narrowed(&self) -> Vec<Narrowed> {
        self.running.values().flat_map(Replay::narrowed).collect()
    }

    /// What was answered under another address than it was recorded, so far.
    pub(super) fn alike(&self) -> Vec<Alike> {
        self.running.values().flat_map(Replay::alike).collect()
    }

    /// The totals so far.
    pub(super) fn counts(&self) -> Counts {
        let mut all = Counts::default();
        for one in self.running.values().map(Replay::counts) {
            all.requests += one.requests;
            all.missed += one.missed;
            all.bytes_to_clients += one.bytes_to_clients;
        }
        all
    }
}

impl Drop for Proxies {
    fn drop(&mut self) {
        for (_, replay) in std::mem::take(&mut self.running) {
            self.runtime.block_on(replay.stop());
        }
    }
}

/// The bundle's recordings, the newest last.
pub(in crate::build) fn recordings(
    layout: &Layout,
    record: &Record,
) -> Result<Vec<Recording>, Failure> {
    let read = |one: &crate::bundle::NetworkRecord| Ok(one.read(layout)?.recording);
    record.network.iter().map(read).collect()
}
