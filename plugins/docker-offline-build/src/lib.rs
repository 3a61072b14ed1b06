//! `docker offline build`: arguments and wiring; the work is the core's.

mod args;
mod run;

use offline_core::Kind;
use offline_core::error::Explain;

pub use args::Args;

/// The classic builder was asked for.
#[derive(Debug, thiserror::Error)]
#[error("this version builds with BuildKit only, not with the classic builder")]
pub(crate) struct ClassicNotBuiltIn;

impl Explain for ClassicNotBuiltIn {
    fn kind(&self) -> Kind {
        Kind::EngineIncompatible
    }
    fn hint(&self) -> Option<String> {
        Some("leave out --classic; engines from 26 on build with BuildKit from the bundle".into())
    }
}
