//! The small binary `docker-offline-diagnose`.

use std::process::ExitCode;

fn main() -> ExitCode {
    offline_terminal::binary::<docker_offline_diagnose::Args>()
}
