//! The Docker CLI plugin `docker-offline`: `docker offline export`, `build`
//! and `diagnose`, and what goes with them.

mod args;
mod completion;
mod reference;
mod run;
mod shell_hook;

use std::process::ExitCode;

use offline_terminal::{Invocation, install_panic_message};

fn main() -> ExitCode {
    install_panic_message();
    run::run(Invocation::of_plugin("offline")).into()
}
