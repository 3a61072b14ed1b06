use std::io::Write as _;

use crate::ExitCode;

/// Replaces the stack trace of a panic by one honest sentence, and ends the
/// process with exit code 1.
///
/// Leaving inside the hook keeps the documented code also where the release
/// profile would abort with a signal.
pub fn install_panic_message() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(String::new, |l| format!(" at {}:{}", l.file(), l.line()));
        let message = match panic.payload().downcast_ref::<String>() {
            Some(text) => text.as_str(),
            None => panic
                .payload()
                .downcast_ref::<&str>()
                .copied()
                .unwrap_or("no message"),
        };
        let _ = writeln!(
            std::io::stderr(),
            "error: docker-offline stopped because of a mistake of its own{place}: {message}\n  \
             hint: please report this line and the command you typed at {}/issues; \
             the same command again goes on where this one stopped",
            env!("CARGO_PKG_REPOSITORY"),
        );
        std::process::exit(i32::from(ExitCode::UNEXPECTED.number));
    }));
}
