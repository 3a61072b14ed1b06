//! What is missing or will go wrong, said before anything hangs.
//!
//! [`survey`] asks engine, bundle and project once, lets every rule look at what
//! is known, and [`Report::conclude`] turns findings into success or failure.
//! One rule is one file in `rules/`; `rules/mod.rs` says how to add one. No
//! network is touched but the way to the engine that the user chose, and nothing
//! is changed but the note in a bundle folder that its bytes were verified.

mod before_export;
mod bundle_view;
#[cfg(test)]
mod conforms;
mod containers;
mod contexts;
mod document;
mod facts;
mod finding;
mod language;
mod log;
mod machine;
mod recorded;
mod reference;
mod report;
mod rule;
mod rules;
mod sources;
mod survey;
mod trace;
mod traces;
mod way_out;
mod why;

pub use crate::__diagnosis_text as text;
pub use before_export::{REMOTE_SOURCE, before_export};
pub use bundle_view::{BundleView, CarriedBundle, Wholeness};
#[cfg(test)]
pub(crate) use conforms::conforms;
pub use containers::Container;
pub use contexts::TakenContext;
pub use document::Document;
pub use facts::{Builder, EngineFacts, Facts};
pub use finding::{Evidence, Finding, Remedy, Severity};
pub use language::{Language, Text};
pub use log::{log_rules, read_log};
pub use machine::{Accelerators, Machine, MachineSources};
pub use recorded::{ListedRequest, ListedService, ListedStep, NetworkList, list_network};
pub use reference::{pages, suggestion};
pub use report::{FindingsFound, Report};
pub use rule::{Group, Rule};
pub use rules::{Situation, diagnose, rule, rules};
pub use sources::Sources;
pub use survey::{DiagnoseOptions, survey};
pub(crate) use trace::{Inputs as TraceInputs, trace};
pub use trace::{Reason, ServiceTrace, StageTrace, StepNetwork, StepTrace, Verdict};
pub use way_out::Network;
pub use why::{WhyDocument, WhyError, why};
