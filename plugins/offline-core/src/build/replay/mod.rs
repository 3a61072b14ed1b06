//! What the RUN steps of the export fetched, answered from the bundle.
//!
//! ```text
//! ordinary build, watched -> a network step starts uncached -> stop
//!                                                               |
//!         Dockerfile rewritten from that step on + a proxy that answers
//!                                                               |
//!                                   the same build again, and so on
//! ```
//!
//! The ordinary build comes first: whatever the cache holds stays a hit, and a
//! project in which nothing was edited never starts a proxy. A rewritten step has
//! another key than the ordinary one, so that plain `docker compose build` does not
//! find it: services that were replayed are built and tagged here.

mod cleaning;
mod error;
mod groups;
mod looking;
mod memory;
mod misses;
mod narrowed;
mod places;
mod proxies;
mod quiet;
mod replayer;
mod silence;
mod wanted;

pub(super) use cleaning::cleaner_of;
pub use error::{Asked, Error};
pub(super) use groups::{Make, Rounds};
pub(super) use proxies::recordings;
pub(super) use replayer::{Needs, Replayer, loopback};
