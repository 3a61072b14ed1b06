//! `docker offline build`: arguments and wiring; the work is the core's.

mod ahead;
mod args;
mod run;
mod words;

pub use args::Args;

use std::process::ExitCode;

/// Runs the replay service that `--stay` starts in a container, if that is what the
/// command line says, until it is told to end.
pub fn serve_if_asked() -> Option<ExitCode> {
    use offline_core::build::stay::{SERVE, serve};
    use std::io::Write as _;

    let say = |line: String| {
        let _ = writeln!(std::io::stderr(), "{line}");
    };
    (std::env::args_os().nth(1)? == SERVE).then(|| match serve(say) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let mut text = format!("error: {failure}");
            let mut cause = std::error::Error::source(failure.error());
            while let Some(error) = cause {
                text += &format!("\n  caused by: {error}");
                cause = error.source();
            }
            say(text);
            offline_terminal::ExitCode::of(failure.kind()).into()
        }
    })
}
