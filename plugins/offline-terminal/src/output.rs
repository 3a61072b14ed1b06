use offline_core::Kind;
use offline_core::error::{Explain, io_kind};

/// How a result is written to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// The result could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the result to standard output")]
pub struct OutputError {
    #[from]
    source: std::io::Error,
}

impl Explain for OutputError {
    fn kind(&self) -> Kind {
        io_kind(&self.source)
    }
}
