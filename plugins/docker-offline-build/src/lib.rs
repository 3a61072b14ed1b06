//! `docker offline build`: arguments and wiring; the work is the core's.

mod args;
mod run;

pub use args::Args;
