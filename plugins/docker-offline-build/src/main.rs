//! The small binary `docker-offline-build`.

use std::process::ExitCode;

fn main() -> ExitCode {
    docker_offline_build::serve_if_asked()
        .or_else(offline_terminal::proxy_if_asked)
        .or_else(offline_terminal::reach_if_asked)
        .or_else(offline_terminal::step_if_asked)
        .or_else(offline_terminal::volume_if_asked)
        .unwrap_or_else(offline_terminal::binary::<docker_offline_build::Args>)
}
