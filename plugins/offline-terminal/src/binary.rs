use std::ffi::OsString;
use std::io::Write as _;

use clap::{Arg, ArgAction, Args};
use offline_core::Failure;

use crate::{
    ExitCode, Invocation, Progress, Request, Terminal, install_panic_message, version_text,
};

/// A command of docker-offline: `docker offline NAME` and `docker-offline-NAME`.
pub trait Command: Args {
    /// The name after `docker offline`.
    const NAME: &'static str;
    /// One line for lists of commands.
    const ABOUT: &'static str;

    /// How progress is to be shown.
    fn progress(&self) -> Progress;

    /// Does the work.
    fn run(&self, terminal: &Terminal) -> Result<(), Failure>;

    /// The clap command, with the arguments and nothing else.
    fn clap() -> clap::Command {
        Self::augment_args(clap::Command::new(Self::NAME))
            .about(Self::ABOUT)
            .disable_version_flag(true)
    }

    /// The clap command of the small binary. `-V` prints the version;
    /// `--version` does too, unless the command has its own use for it.
    fn clap_of_binary() -> clap::Command {
        let command = Self::clap().name(format!("docker-offline-{}", Self::NAME));
        let taken = command
            .get_arguments()
            .any(|a| a.get_long() == Some("version"));
        let mut flag = Arg::new("print_version")
            .short('V')
            .action(ArgAction::SetTrue)
            .exclusive(true)
            .help("Print version");
        if !taken {
            flag = flag.long("version");
        }
        command.arg(flag).after_help(
            "Docker's global flags (--config, --context, --debug, --host, --log-level, --tls*) \
             are taken before all others.",
        )
    }
}

/// The whole of a small binary's `main`.
pub fn binary<C: Command>() -> std::process::ExitCode {
    install_panic_message();
    let invocation = Invocation::of_binary();
    let Request::Run(args) = invocation.request else {
        return ExitCode::USAGE.into();
    };
    let command = C::clap_of_binary();
    let name = command.get_name().to_owned();
    let matches = match parse(command, &name, args) {
        Ok(matches) => matches,
        Err(code) => return code.into(),
    };
    if matches.get_flag("print_version") {
        let _ = writeln!(std::io::stdout(), "{}", version_text(&name));
        return ExitCode::OK.into();
    }
    match C::from_arg_matches(&matches) {
        Ok(args) => execute(&args, invocation.global_args).into(),
        Err(error) => {
            let _ = error.print();
            ExitCode::USAGE.into()
        }
    }
}

/// Reads a command line; `shown_as` is the name that help and errors use.
/// Help is printed and ends with success, a mistake is said and ends with
/// [`ExitCode::USAGE`].
pub fn parse(
    command: clap::Command,
    shown_as: &str,
    args: Vec<OsString>,
) -> Result<clap::ArgMatches, ExitCode> {
    let all = std::iter::once(OsString::from(shown_as)).chain(args);
    command
        .bin_name(shown_as)
        // One form of help, the compact one, as in the rest of Docker.
        .disable_help_flag(true)
        .arg(
            Arg::new("help")
                .short('h')
                .long("help")
                .global(true)
                .action(ArgAction::HelpShort)
                .help("Print help"),
        )
        .try_get_matches_from(all)
        .map_err(|error| {
            let _ = error.print();
            if error.use_stderr() {
                ExitCode::USAGE
            } else {
                ExitCode::OK
            }
        })
}

/// Runs a command to its end and says how it ended.
pub fn execute<C: Command>(args: &C, global_args: Vec<OsString>) -> ExitCode {
    let terminal = Terminal::new(args.progress(), global_args);
    terminal.conclude(args.run(&terminal))
}
