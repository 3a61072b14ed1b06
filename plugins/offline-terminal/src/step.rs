use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use offline_core::network::{STEP, in_step};

/// Begins the command of a replayed step and cleans up after it, if that is what the
/// command line says.
pub fn step_if_asked() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    (args.next()? == STEP).then(|| {
        let words: Vec<OsString> = args.collect();
        let mut stderr = std::io::stderr();
        match in_step::run(&words) {
            Ok(ended) => {
                for said in &ended.said {
                    let _ = writeln!(stderr, "{}", said.line());
                }
                ExitCode::from(ended.code)
            }
            Err(error) => {
                let _ = writeln!(stderr, "docker-offline: cannot begin this step: {error}");
                // What a shell gives for a program that cannot be run.
                ExitCode::from(126)
            }
        }
    })
}
