//! `docker offline export`: arguments and wiring; the work is the core's.

mod args;
mod run;
mod words;

pub use args::{Archive, Args, BuildArg, SiteEngine, SiteEngineError, SiteStore, Split};
