//! Packages that no step asks for yet, and the site may want.
//!
//! The package manager itself fetches them, behind a step of the service's own that
//! calls it ([`package_steps`]), called as that step calls it ([`call`]): with the same
//! program, as the same user, from the same servers. What that step has installed counts,
//! so that what is fetched goes with it.

mod call;
mod known;
mod step;
mod wanted;

pub use step::{PackageStep, package_steps, with_packages};
pub use wanted::{WantedPackage, wanted_packages};
