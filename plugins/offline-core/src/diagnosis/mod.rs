//! What is missing or will go wrong, said before anything hangs.
//!
//! [`survey`] asks engine, bundle and project once, lets every rule look at what
//! is known, and [`Report::conclude`] turns findings into success or failure.
//! One rule is one file in `rules/`. No network is touched but the way to the
//! engine that the user chose, and nothing is changed but the note in a bundle
//! folder that its bytes were verified.

mod bundle_view;
mod disk;
mod facts;
mod finding;
mod report;
mod rules;
mod sources;
mod survey;

pub use bundle_view::{BundleView, CarriedBundle, Wholeness};
pub use disk::{Disk, KEPT_FREE};
pub use facts::{Builder, EngineFacts, Facts};
pub use finding::{Finding, Severity};
pub use report::{FindingsFound, Report};
pub use rules::{Check, Situation, diagnose};
pub use sources::Sources;
pub use survey::{DiagnoseOptions, survey};
