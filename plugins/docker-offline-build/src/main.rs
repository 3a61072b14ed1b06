//! The small binary `docker-offline-build`.

use std::process::ExitCode;

fn main() -> ExitCode {
    offline_terminal::binary::<docker_offline_build::Args>()
}
