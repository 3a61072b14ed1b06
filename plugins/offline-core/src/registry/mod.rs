//! Fetching images with the very manifests that their registry serves.
//!
//! `docker save` on a graphdriver store writes new manifests, which no digest
//! pin and no containerd store's cache recognises; so base images come from
//! here, not from the engine (see `docs/engine-facts.md`). Mirrors, insecure
//! registries, credentials and proxies are those of the user's Docker.

mod connection;
mod credentials;
mod download;
mod endpoint;
mod error;
mod fetch;
mod manifests;
mod options;
mod retry;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use fetch::{FetchedImage, Registry};
pub use options::RegistryOptions;

pub(crate) use connection::{chain, client, read_authorities, retry_after};
pub(crate) use download::{GOT_ON, continues};
pub(crate) use retry::{Failed, Retry, may_pass};
