use offline_core::error::Explain;
use offline_core::{Failure, Kind};
use offline_terminal::Terminal;

use crate::Args;

/// Nothing stands behind the command yet.
#[derive(Debug, thiserror::Error)]
#[error("docker offline build is not built in yet")]
struct NotBuiltIn;

impl Explain for NotBuiltIn {
    fn kind(&self) -> Kind {
        Kind::EngineFailed
    }
}

pub(crate) fn run(_args: &Args, _terminal: &Terminal) -> Result<(), Failure> {
    Err(NotBuiltIn.into())
}
