use std::io::Write as _;
use std::process::ExitCode;

use offline_core::engine::{REACH, reach};

/// Tries to reach an address, if that is what the command line says: a container of
/// ours runs this, and the answer is what it prints.
pub fn reach_if_asked() -> Option<ExitCode> {
    let mut args = std::env::args().skip(1);
    (args.next()? == REACH).then(|| {
        let address = args.next().unwrap_or_default();
        let _ = writeln!(std::io::stdout(), "{}", reach(&address));
        ExitCode::SUCCESS
    })
}
