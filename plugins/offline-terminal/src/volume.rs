use std::io::Write as _;
use std::process::ExitCode;

use offline_core::carried::{INSIDE, inside};

/// Reads or fills a volume, if that is what the command line says: a container of ours
/// runs this.
pub fn volume_if_asked() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    (args.next()? == INSIDE).then(|| {
        match inside(
            &args.next().unwrap_or_default(),
            &args.next().unwrap_or_default(),
        ) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let mut text = error.to_string();
                let mut cause = std::error::Error::source(&error);
                while let Some(error) = cause {
                    text += &format!(": {error}");
                    cause = error.source();
                }
                let _ = writeln!(std::io::stderr(), "docker-offline: {text}");
                ExitCode::FAILURE
            }
        }
    })
}
