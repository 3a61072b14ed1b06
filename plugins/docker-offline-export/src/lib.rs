//! `docker offline export`: arguments and wiring; the work is the core's.

mod args;
mod run;

pub use args::{Archive, Args, Builder, SiteEngine, SiteEngineError, SiteStore};
