//! What is fetched by its URL: resumed, tried again, from mirrors, and verified before it
//! is a blob of the layout.

mod address;
mod error;
mod fetch;
mod netrc;

pub(super) use error::Error;
pub use fetch::Reach;

pub(super) use address::shown;
pub(super) use fetch::{Source, Web};
