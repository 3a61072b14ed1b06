//! Containers that someone has configured by hand: carried as images, under the names that
//! the Compose file asks for.
//!
//! ```text
//! --container, x-offline -> find (inspect, match with a service) -> Carried
//!                                 run: room on both disks -> commit -> save -> removed
//! ```

mod commit;
mod error;
mod find;
mod inspected;

use std::collections::BTreeSet;

use crate::carried::Planned;
use crate::project::Location;
use crate::reference::ImageReference;

pub use error::Error;

pub(super) use commit::{check_room, fetch};
pub(super) use find::find;

/// What such a thing is called in lists.
const KIND: &str = "containers";

/// A container that will be carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedContainer {
    /// Its name.
    pub name: String,
    /// The image that it becomes.
    pub image: ImageReference,
    /// The services that run it.
    pub services: BTreeSet<String>,
    /// Where it is declared; `None` for one that a flag names.
    pub location: Option<Location>,
    /// Bytes that it has changed of its image.
    pub changed: u64,
    /// Bytes of its whole file system.
    pub whole: u64,
    /// What it mounts and does not take along, in words.
    pub left: Vec<String>,
}

impl CarriedContainer {
    /// The line of a plan.
    pub(super) fn planned(&self) -> Planned {
        Planned {
            kind: KIND,
            name: self.name.clone(),
            from: format!("as the image {}", self.image.familiar()),
            size: Some(self.changed),
            services: self.services.clone(),
            location: self.location.clone(),
        }
    }
}
