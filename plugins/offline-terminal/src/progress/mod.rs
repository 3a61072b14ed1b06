//! The core's events in words, in the four ways of `--progress`.

mod bars;
mod json;
mod plain;
mod quiet;
mod units;
mod words;

pub(crate) use bars::Bars;
pub(crate) use json::Json;
pub(crate) use plain::Plain;
pub(crate) use quiet::Quiet;
pub use units::{bytes, seconds};
pub(crate) use words::harmless;

use offline_core::Event;

/// How progress is shown on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Progress {
    /// Bars on a terminal, plain lines elsewhere
    #[default]
    Auto,
    /// A line for the start and the end of each task
    Plain,
    /// One JSON object per event
    Json,
    /// Warnings and errors only
    Quiet,
}

/// One way to show events.
pub(crate) trait Voice: Send + Sync {
    /// Takes one event.
    fn event(&self, event: Event);

    /// Takes down what would stand in the way of last words. With
    /// `show_build_output`, the end of a builder's output that was not shown
    /// for good is shown now.
    fn end(&self, show_build_output: bool) {
        let _ = show_build_output;
    }
}

/// Writes whole lines to stderr. That nobody reads them is not a failure.
fn say(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stderr().write_all(text.as_bytes());
}
