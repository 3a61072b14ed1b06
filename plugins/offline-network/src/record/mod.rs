//! Recording: requests go to the servers outside, and what comes back is written
//! down as it is passed on.

mod attempt;
mod blobs;
mod client;
mod credentials;
mod download;
mod recorder;
mod session;
mod store;
mod trouble;

pub use recorder::{Recorded, Recorder};
