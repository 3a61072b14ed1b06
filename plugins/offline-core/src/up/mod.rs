//! `docker offline build --up`: what was built runs, or what ran before runs again.
//!
//! What runs is not touched before everything is built. Then only those containers are
//! replaced whose image is not what it was; whichever does not become healthy is replaced
//! once more, by one of its old image.

mod changed;
mod error;
mod health;
mod kept;
mod outcome;
mod run;
mod settle;

pub use error::Error;
pub use health::Health;
pub use outcome::{Outcome, Report, What};
pub use run::run;
