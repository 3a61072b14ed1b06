//! The replaying proxy, wherever it runs.

use std::net::SocketAddr;
use std::sync::Arc;

use offline_network::{Alike, Authority, Counts, Listen, Miss, Narrowed, Recording, Replay, Scrub};

use super::contained::Contained;
use super::wire::{Ask, Role, Settings, Told};
use super::{Around, Error, bodies};
use crate::error::Failure;
use crate::layout::Layout;

/// What a replay needs to know.
#[derive(Clone, Copy)]
pub(crate) struct ReplaySettings<'a> {
    pub(crate) authority: &'a Arc<Authority>,
    pub(crate) recordings: &'a [Recording],
    pub(crate) scrub: &'a Scrub,
    /// One port for each of these.
    pub(crate) targets: &'a [String],
    /// Where bodies are.
    pub(crate) layout: &'a Layout,
}

/// A replaying proxy that runs.
pub(crate) enum ReplayingProxy {
    /// Beside the engine, at this address.
    Beside(std::net::IpAddr, Replay),
    /// In a container of it.
    Contained(Box<Contained>),
}

impl std::fmt::Debug for ReplayingProxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplayingProxy").finish_non_exhaustive()
    }
}

impl ReplayingProxy {
    /// Starts it beside the engine.
    pub(crate) fn beside(
        around: Around<'_>,
        settings: ReplaySettings<'_>,
        runtime: &tokio::runtime::Runtime,
    ) -> Result<Self, offline_network::Error> {
        let address = around.place.address;
        let listen = Listen {
            address,
            port: None,
            targets: settings.targets.to_vec(),
        };
        let starting = Replay::start(
            &listen,
            Arc::clone(settings.authority),
            settings.recordings.to_vec(),
            settings.scrub,
            settings.layout.blobs(),
        );
        Ok(Self::Beside(address, runtime.block_on(starting)?))
    }

    /// Starts it in a container, as the engine's builds do not reach it beside.
    pub(crate) fn contained(
        around: Around<'_>,
        settings: ReplaySettings<'_>,
        why: &str,
    ) -> Result<Self, Failure> {
        let told = Settings {
            certificate: settings.authority.certificate_pem().to_owned(),
            key: settings.authority.key_pem(),
            scrub: settings.scrub.clone(),
            targets: settings.targets.to_vec(),
            address: None,
            role: Role::Replay {
                recordings: settings.recordings.len(),
            },
        };
        let one = Contained::start(around, &told, |docker, name| {
            let to = format!("{name}:/");
            docker.write_to(["container", "cp", "-", &to], |out| {
                bodies::write_in(settings.recordings, settings.layout, out)
            })??;
            Ok(())
        })?;
        one.is_reached().map_err(Error::Unreached)?;
        around.says("The recorded network is replayed", why);
        Ok(Self::Contained(Box::new(one)))
    }

    /// Whether it runs in a container.
    pub(crate) fn is_contained(&self) -> bool {
        matches!(self, Self::Contained(_))
    }

    /// Where builds reach the port of a target.
    pub(crate) fn address(&self, target: &str) -> Option<SocketAddr> {
        match self {
            Self::Beside(address, replay) => Some(SocketAddr::new(*address, replay.port(target)?)),
            Self::Contained(one) => one.address(target),
        }
    }

    /// What was asked for and is not recorded, so far.
    pub(crate) fn misses(&self) -> Vec<Miss> {
        match self {
            Self::Beside(_, replay) => replay.misses(),
            Self::Contained(one) => match one.ask(&Ask::Misses) {
                Ok(Told::Misses(misses)) => misses,
                _ => Vec::new(),
            },
        }
    }

    /// The packages that were offered in part only, so far.
    pub(crate) fn narrowed(&self) -> Vec<Narrowed> {
        match self {
            Self::Beside(_, replay) => replay.narrowed(),
            Self::Contained(one) => match one.ask(&Ask::Narrowed) {
                Ok(Told::Narrowed(narrowed)) => narrowed,
                _ => Vec::new(),
            },
        }
    }

    /// What was answered under another address than it was recorded, so far.
    pub(crate) fn alike(&self) -> Vec<Alike> {
        match self {
            Self::Beside(_, replay) => replay.alike(),
            Self::Contained(one) => match one.ask(&Ask::Alike) {
                Ok(Told::Alike(alike)) => alike,
                _ => Vec::new(),
            },
        }
    }

    /// The totals so far.
    pub(crate) fn counts(&self) -> Counts {
        match self {
            Self::Beside(_, replay) => replay.counts(),
            Self::Contained(one) => match one.ask(&Ask::Counts) {
                Ok(Told::Counts(counts)) => counts,
                _ => Counts::default(),
            },
        }
    }

    /// Ends it.
    pub(crate) fn stop(self, runtime: &tokio::runtime::Runtime) {
        match self {
            Self::Beside(_, replay) => runtime.block_on(replay.stop()),
            Self::Contained(one) => drop(one),
        }
    }
}
