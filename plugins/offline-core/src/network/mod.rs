//! Dockerfiles whose RUN steps go through our own proxy.
//!
//! While an export records, and while a site replays, RUN steps have to use a
//! proxy of ours and to trust its authority, and nothing of that may stay in the
//! image. [`may_use`] says which steps that concerns, [`rewrite()`] makes the copy
//! of the Dockerfile, and [`trust`] is the table of what tools go by.
//!
//! The address of the proxy comes by the predefined build arguments
//! ([`proxy_arguments`]), which are part of no cache key (docs/engine-facts.md,
//! fact 7); all else comes by secrets, whose contents are part of none either
//! (fact 38).

mod afresh;
mod apart;
mod apt;
mod cleaned;
pub mod in_step;
mod java_store;
mod known;
mod lines;
mod local_commands;
mod marks;
pub mod may_use;
mod packages;
mod past;
mod quiet;
mod rewrite;
mod secrets;
pub mod trust;
mod writes_down;

pub use afresh::afresh;
pub use cleaned::{Cleaner, STEP};
pub(crate) use cleaned::{MARKS, before_shell};
pub(crate) use known::Known;
pub use lines::LineMap;
pub use marks::Mark;
pub use may_use::{Network, first_network_steps, may_use, should_ask};
pub use packages::{PackageStep, WantedPackage, package_steps, wanted_packages, with_packages};
pub use quiet::without_our_flags;
pub use rewrite::{Caches, RewriteFrom, Rewritten, rewrite, rewrite_and_clean};
pub use secrets::{Content, Loopback, Proxy, Secret, proxy_arguments};
pub use trust::Variables;
pub use writes_down::writes_down;
