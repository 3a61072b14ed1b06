use std::io::Write as _;
use std::process::ExitCode;

use offline_core::proxy::{PROXY, serve};

use crate::ExitCode as Code;

/// Is the proxy in a container of the engine, if that is what the command line says,
/// until its standard input ends.
pub fn proxy_if_asked() -> Option<ExitCode> {
    (std::env::args_os().nth(1)? == PROXY).then(|| match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "error: {failure}");
            Code::of(failure.kind()).into()
        }
    })
}
