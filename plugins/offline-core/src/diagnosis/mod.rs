//! What is missing or will go wrong, said before anything hangs.
//!
//! [`Facts::gather`] asks the engine once, [`diagnose`] lets every rule look at
//! what is known, and [`Report::conclude`] turns findings into success or
//! failure. One rule is one file in `rules/`. No network is touched but the way
//! to the engine that the user chose.

mod bundle_view;
mod disk;
mod facts;
mod finding;
mod report;
mod rules;

pub use bundle_view::BundleView;
pub use disk::Disk;
pub use facts::{EngineFacts, Facts, Store};
pub use finding::{Finding, Severity};
pub use report::{FindingsFound, Report};
pub use rules::{Check, Situation, diagnose};
