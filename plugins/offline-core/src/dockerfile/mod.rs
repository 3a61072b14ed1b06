//! Dockerfiles as BuildKit reads them, as far as the closure needs it.

mod error;
mod platform;

pub use error::Error;
pub use platform::{InvalidPlatform, Platform};
