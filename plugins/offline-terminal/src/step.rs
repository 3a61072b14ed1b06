use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use offline_core::network::STEP;
use offline_core::network::in_step::{self, LOOK, MARKS_VARIABLE};

/// Begins the command of a replayed step and cleans up after it, or looks through an
/// image, if that is what the command line says.
pub fn step_if_asked() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    let command = args.next()?;
    if command == LOOK {
        let since = args.next().and_then(|s| s.to_str()?.parse().ok());
        let marks = std::env::var(MARKS_VARIABLE).unwrap_or_default();
        for file in in_step::look(Path::new("/"), since.unwrap_or(0), &marks) {
            let _ = writeln!(std::io::stdout(), "{}", file.display());
        }
        return Some(ExitCode::SUCCESS);
    }
    (command == STEP).then(|| {
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
