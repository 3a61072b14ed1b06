//! What our program does within a step of a replay: it begins the step's own command,
//! and takes out of the files that the command wrote what is the replay's alone.

mod clean;
mod files;
mod look;
mod npm;
mod run;
mod said;

pub use look::{LOOK, MARKS_VARIABLE, look};
pub use run::{Ended, run};
pub use said::Said;
