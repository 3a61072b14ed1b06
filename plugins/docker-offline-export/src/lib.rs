//! `docker offline export`: arguments and wiring; the work is the core's.

mod args;
mod run;

use offline_core::Kind;
use offline_core::error::Explain;

pub use args::{Archive, Args, Builder, SiteEngine, SiteEngineError, SiteStore};

/// The classic builder's cache was asked for.
#[derive(Debug, thiserror::Error)]
#[error("this version carries the BuildKit cache only, not that of the classic builder")]
pub(crate) struct ClassicNotCarried;

impl Explain for ClassicNotCarried {
    fn kind(&self) -> Kind {
        Kind::EngineIncompatible
    }
    fn hint(&self) -> Option<String> {
        Some("leave out --builder, or say --builder buildkit".into())
    }
}
