//! What the log of a failed build says, by the words of the tools that failed.
//!
//! The log is read once, line by line. `lines` strips what is for terminals,
//! `shape` understands a line, `step` follows which step of which Dockerfile it
//! belongs to, `catalogue` holds the known failures (`catalogue.toml`), `search`
//! ranks what was found, and `findings` puts it into words. Nothing else is
//! looked at: no engine, no bundle, no project.
//!
//! To add an entry: copy one in `catalogue.toml`, and put the log that it is from
//! into `tests/logs/`, with a line in `tests/logs/expected.toml`.

mod catalogue;
mod findings;
mod lines;
mod reference;
mod search;
mod shape;
mod step;
#[cfg(test)]
mod tests;

pub use catalogue::rules as log_rules;
pub use findings::read_log;
pub(super) use reference::{SECTION, page};
