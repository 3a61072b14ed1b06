//! The Docker CLI plugin `docker-offline`: `docker offline export`, `build`
//! and `diagnose`, and what goes with them.

mod args;
mod completion;
mod reference;
mod run;
mod shell_hook;

use std::process::ExitCode;

use offline_terminal::{Invocation, install_panic_message, reach_if_asked};

fn main() -> ExitCode {
    install_panic_message();
    if let Some(code) = docker_offline_build::serve_if_asked().or_else(reach_if_asked) {
        return code;
    }
    run::run(Invocation::of_plugin("offline")).into()
}
