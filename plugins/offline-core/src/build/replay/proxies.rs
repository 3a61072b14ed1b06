use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use offline_network::{Alike, Authority, Counts, Miss, Narrowed, Recording, Scrub};

use super::Error;
use crate::bundle::Record;
use crate::engine::{Docker, EngineInfo, ProxyPlace};
use crate::error::{Failure, Kind};
use crate::event::Reporter;
use crate::layout::Layout;
use crate::proxy::{Around, ReplaySettings, ReplayingProxy};

/// The engine whose builds are served.
#[derive(Clone, Copy)]
pub(super) struct Served<'a> {
    pub(super) docker: &'a Docker,
    pub(super) engine: &'a EngineInfo,
    pub(super) layout: &'a Layout,
    pub(super) reporter: &'a dyn Reporter,
}

/// The proxy that answers from the bundle. Nothing is started before a service asks for
/// it.
#[derive(Debug)]
pub(super) struct Proxies {
    /// Dropped last, with all that still runs in it.
    runtime: tokio::runtime::Runtime,
    authority: Arc<Authority>,
    recordings: Vec<Recording>,
    scrub: Scrub,
    /// Whose ports there are.
    services: Vec<String>,
    running: Option<ReplayingProxy>,
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
            services,
            running: None,
        })
    }

    /// The certificate that builds have to trust, in PEM form.
    pub(super) fn certificate(&self) -> &str {
        self.authority.certificate_pem()
    }

    /// Where a service's build reaches its proxy, which is started for the first that
    /// asks.
    pub(super) fn address_for(
        &mut self,
        served: Served<'_>,
        service: &str,
    ) -> Result<SocketAddr, Failure> {
        if self.running.is_none() {
            self.running = Some(self.start(served)?);
        }
        let address = self.running.as_ref().and_then(|r| r.address(service));
        Ok(address.ok_or_else(|| Error::Elsewhere {
            why: format!("the proxy has no port for service {service}"),
            remedy: "run the same command again".into(),
        })?)
    }

    fn start(&self, served: Served<'_>) -> Result<ReplayingProxy, Failure> {
        let place = place(served)?;
        if let Some(why) = &place.container {
            return self.contained(served, &place, why);
        }
        match ReplayingProxy::beside(around(served, &place), self.settings(served), &self.runtime) {
            Ok(beside) => Ok(beside),
            Err(offline_network::Error::AddressNotHere { address }) => {
                let why =
                    format!("{address}, which its builds reach, is not an address of this machine");
                self.contained(served, &place, &why)
            }
            Err(source) => Err(Error::Proxy {
                address: place.address,
                source,
            }
            .into()),
        }
    }

    /// Goes on in a container, as builds do not reach it where it is; whether it was not
    /// in one before.
    pub(super) fn moves(&mut self, served: Served<'_>, why: &str) -> Result<bool, Failure> {
        if self
            .running
            .as_ref()
            .is_none_or(ReplayingProxy::is_contained)
        {
            return Ok(false);
        }
        let place = place(served)?;
        let contained = self.contained(served, &place, why)?;
        if let Some(beside) = self.running.replace(contained) {
            beside.stop(&self.runtime);
        }
        Ok(true)
    }

    fn contained(
        &self,
        served: Served<'_>,
        place: &ProxyPlace,
        why: &str,
    ) -> Result<ReplayingProxy, Failure> {
        let started = ReplayingProxy::contained(around(served, place), self.settings(served), why);
        started.map_err(|failure| match failure.kind() {
            Kind::Interrupted | Kind::DiskFull => failure,
            _ => Error::Elsewhere {
                why: format!("{why}; and in a container of the engine: {failure}"),
                remedy: failure.hint().unwrap_or_default().to_owned(),
            }
            .into(),
        })
    }

    fn settings<'a>(&'a self, served: Served<'a>) -> ReplaySettings<'a> {
        ReplaySettings {
            authority: &self.authority,
            recordings: &self.recordings,
            scrub: &self.scrub,
            targets: &self.services,
            layout: served.layout,
        }
    }

    /// Whether it was started.
    pub(super) fn started(&self) -> bool {
        self.running.is_some()
    }

    /// Where builds reach it.
    pub(super) fn an_address(&self) -> Option<SocketAddr> {
        let running = self.running.as_ref()?;
        let mut services = self.services.iter();
        services.find_map(|service| running.address(service))
    }

    /// What was asked for and is not recorded, so far.
    pub(super) fn misses(&self) -> Vec<Miss> {
        let running = self.running.as_ref();
        running.map(ReplayingProxy::misses).unwrap_or_default()
    }

    /// The packages that were offered in part only, so far.
    pub(super) fn narrowed(&self) -> Vec<Narrowed> {
        let running = self.running.as_ref();
        running.map(ReplayingProxy::narrowed).unwrap_or_default()
    }

    /// What was answered under another address than it was recorded, so far.
    pub(super) fn alike(&self) -> Vec<Alike> {
        let running = self.running.as_ref();
        running.map(ReplayingProxy::alike).unwrap_or_default()
    }

    /// The totals so far.
    pub(super) fn counts(&self) -> Counts {
        let running = self.running.as_ref();
        running.map(ReplayingProxy::counts).unwrap_or_default()
    }
}

impl Drop for Proxies {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop(&self.runtime);
        }
    }
}

fn around<'a>(served: Served<'a>, place: &'a ProxyPlace) -> Around<'a> {
    Around {
        docker: served.docker,
        engine: served.engine,
        place,
        reporter: served.reporter,
    }
}

fn place(served: Served<'_>) -> Result<ProxyPlace, Error> {
    let place = served.docker.proxy_place(served.engine);
    place.map_err(|place| Error::Elsewhere {
        why: place.why,
        remedy: place.remedy,
    })
}

/// The bundle's recordings, the newest last.
pub(in crate::build) fn recordings(
    layout: &Layout,
    record: &Record,
) -> Result<Vec<Recording>, Failure> {
    let read = |one: &crate::bundle::NetworkRecord| Ok(one.read(layout)?.recording);
    record.network.iter().map(read).collect()
}
