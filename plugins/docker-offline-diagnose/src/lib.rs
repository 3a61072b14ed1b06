//! `docker offline diagnose`: arguments and wiring; the work is the core's.

mod args;
mod log;
mod network;
mod run;
mod steps;
mod text;
mod wrap;

pub use args::Args;
