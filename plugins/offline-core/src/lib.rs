//! The core of docker-offline: everything that decides and does, nothing that prints.
//!
//! ```text
//! compose project -> closure -> plan -> engine work -> OCI layout -> archive
//!                                                         |  (the air gap)
//! archive -> OCI layout -> plan -> load, warm, build, tag -> docker compose up
//! ```
//!
//! Modules follow that flow; who may import whom stands in docs/architecture.md:
//! [`project`] reads Compose, [`dockerfile`] reads Dockerfiles, [`closure`] finds
//! every image a build or a run will ask for, [`plan`] turns it into data,
//! [`engine`] talks to Docker, [`registry`] fetches images with the manifests the
//! registry serves, [`network`] rewrites Dockerfiles whose steps use our proxy, [`proxy`] runs it beside the engine or in a
//! container of it, [`layout`] is the OCI image layout on disk, [`bundle`] adds
//! the record and the archive, [`carried`] is what travels besides images, and [`export`], [`build`] and [`diagnosis`] are
//! the three commands on top; [`up`] runs what was built.

pub mod build;
pub mod bundle;
pub mod carried;
pub mod closure;
pub mod compatibility;
pub mod diagnosis;
pub mod dockerfile;
pub mod engine;
pub mod error;
pub mod event;
pub mod export;
pub mod layout;
pub mod network;
pub mod plan;
pub mod project;
pub mod proxy;
pub mod reference;
pub mod registry;
pub mod stages;
pub mod up;

pub use error::{Failure, Kind};
pub use event::{Event, Reporter};
