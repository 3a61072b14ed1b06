//! `docker offline export --fetch`: what a site asked for and had no recording of.
//!
//! ```text
//! wanted.json -> copies of the build contexts with the site's changes laid over them
//!             -> the recording build of the services that asked, from these copies
//!             -> what the bundle has already is left out -> a small archive
//! ```
//!
//! A request file is as hostile as anything that is carried ([`crate::bundle::Wanted`]
//! checks it, [`overlay`] keeps within its folders); what it brings to be built is
//! trusted as the project itself is.

mod addition;
mod held;
mod laying;
mod overlay;
mod run;

pub(super) use held::Held;
pub use run::{FetchSummary, fetch};
