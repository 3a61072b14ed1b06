//! What our program does within a step of a replay: it begins the step's own command,
//! and takes out of the files that the command wrote what is the replay's alone.

mod clean;
mod files;
mod npm;
mod run;
mod said;

pub use run::{Ended, run};
pub use said::Said;
