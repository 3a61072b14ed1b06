//! A forward proxy for HTTP and HTTPS that writes down what a build fetches, and
//! answers the same requests later where there is no network.
//!
//! ```text
//! tool in a RUN step -> port of its target -> Recorder -> server outside
//!                                                |
//!                                     Recording + bodies as blobs
//!                                                |  (the air gap)
//! tool in a RUN step -> port of its target -> Replay
//! ```
//!
//! It knows nothing of Docker: a target is a name with a port. TLS is ended with
//! certificates of a throw-away [`Authority`] that the tool trusts for this run.

mod authority;
mod changing;
mod digest;
mod error;
mod headers;
mod log;
mod options;
mod query;
mod record;
mod recording;
mod replay;
mod request_body;
mod scrub;
mod serve;
mod system;
mod trust_store;

pub use authority::Authority;
pub use digest::Digest;
pub use error::Error;
pub use log::{Alike, Cause, Counts, Failure, Miss, Narrowed, Outcome, Request};
pub use options::{Hosts, Listen, Upstream};
pub use record::{Recorded, Recorder};
pub use recording::{Body, Exchange, FORMAT, Recording};
pub use replay::Replay;
pub use scrub::{PLACEHOLDER, Scrub};
pub use system::system_certificates;
