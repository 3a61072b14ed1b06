//! The Docker CLI plugin `docker-offline`: `docker offline export`, `build`
//! and `diagnose`, and what goes with them.

mod args;
mod completion;
mod reference;
mod run;
mod shell_hook;

use std::process::ExitCode;

use offline_terminal::{
    Invocation, install_panic_message, proxy_if_asked, reach_if_asked, step_if_asked,
    volume_if_asked,
};

fn main() -> ExitCode {
    install_panic_message();
    let asked = docker_offline_build::serve_if_asked()
        .or_else(proxy_if_asked)
        .or_else(reach_if_asked)
        .or_else(step_if_asked)
        .or_else(volume_if_asked);
    if let Some(code) = asked {
        return code;
    }
    run::run(Invocation::of_plugin("offline")).into()
}
