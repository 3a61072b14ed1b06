//! The small binary `docker-offline-export`.

use std::process::ExitCode;

fn main() -> ExitCode {
    offline_terminal::binary::<docker_offline_export::Args>()
}
