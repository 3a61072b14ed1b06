//! The edge of docker-offline: what meets Docker's CLI and the user.
//!
//! ```text
//! argv -> global flags -> clap -> run(args, &Terminal) -> exit code
//!                                   |            |
//!                                 stdout       stderr
//!                               the result    the talk
//! ```
//!
//! [`Invocation`] reads how Docker's CLI (or a shell) called the binary,
//! [`Terminal`] is what a command writes to, [`ExitCode`] is what it ends with,
//! and [`binary`] ties them together for the three small binaries.

mod binary;
mod build_plan;
mod colour;
mod completion;
mod containers;
mod error_printer;
mod exit_code;
mod global_flags;
mod handshake;
mod interrupt;
mod invocation;
mod language;
mod output;
mod panic_message;
mod progress;
mod project_flags;
mod proxy;
mod reach;
mod step;
mod table;
mod terminal;
mod version;
mod volume;

pub use binary::{Command, binary, execute, parse};
pub use build_plan::of_build_plan;
pub use colour::Colours;
pub use completion::{Values, complete};
pub use containers::{nothing_restarted, of_containers};
pub use exit_code::ExitCode;
pub use global_flags::split_global_flags;
pub use handshake::metadata;
pub use invocation::{Invocation, Request};
pub use language::Lang;
pub use output::{Format, OutputError};
pub use panic_message::install_panic_message;
pub use progress::{Progress, bytes, seconds};
pub use project_flags::ProjectFlags;
pub use proxy::proxy_if_asked;
pub use reach::reach_if_asked;
pub use step::step_if_asked;
pub use table::Table;
pub use terminal::Terminal;
pub use version::version_text;
pub use volume::volume_if_asked;
