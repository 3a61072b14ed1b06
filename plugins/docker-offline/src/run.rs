use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;

use clap::{CommandFactory as _, FromArgMatches as _};
use offline_core::error::io_kind;
use offline_terminal::{ExitCode, Invocation, Request, execute, metadata, parse, version_text};

use crate::args::{ABOUT, Cli, Commands};
use crate::{completion, reference, shell_hook};

/// Does what Docker's CLI, or a shell, asked for.
pub(crate) fn run(invocation: Invocation) -> ExitCode {
    let name = if invocation.through_docker {
        "docker offline"
    } else {
        "docker-offline"
    };
    match invocation.request {
        Request::Metadata => print(metadata(ABOUT)),
        Request::Hooks => ExitCode::OK,
        Request::Complete {
            words,
            descriptions,
        } => print(completion::answer(
            &words,
            descriptions,
            &invocation.global_args,
        )),
        Request::Run(args) => command(name, args, invocation.global_args),
    }
}

fn command(name: &str, args: Vec<OsString>, global_args: Vec<OsString>) -> ExitCode {
    let matches = match parse(Cli::command(), name, args) {
        Ok(matches) => matches,
        Err(code) => return code,
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::USAGE;
        }
    };
    if cli.version {
        return version();
    }
    match cli.command {
        None => help(name),
        Some(Commands::Export(args)) => execute(&*args, global_args),
        Some(Commands::Build(args)) => execute(&*args, global_args),
        Some(Commands::Diagnose(args)) => execute(&*args, global_args),
        Some(Commands::Version) => version(),
        Some(Commands::ShellHook { shell }) => print(shell_hook::hook(shell)),
        Some(Commands::Completion { shell }) => print(completion::script(shell)),
        Some(Commands::Docs { directory }) => docs(&directory),
    }
}

fn docs(directory: &Path) -> ExitCode {
    match reference::write(directory) {
        Ok(()) => ExitCode::OK,
        Err(error) => {
            let place = directory.display();
            let _ = writeln!(
                std::io::stderr(),
                "error: cannot write the documentation into {place}\n  caused by: {error}"
            );
            ExitCode::of(io_kind(&error))
        }
    }
}

fn version() -> ExitCode {
    print(format!("{}\n", version_text("docker-offline")))
}

/// Without a command, the plugin shows its help, as Docker's own commands do.
fn help(name: &str) -> ExitCode {
    let _ = Cli::command().bin_name(name).print_help();
    ExitCode::OK
}

/// Writes to stdout. A reader that has gone is not a failure; a full disk is.
fn print(text: impl AsRef<[u8]>) -> ExitCode {
    let mut stdout = std::io::stdout();
    let written = stdout
        .write_all(text.as_ref())
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            let _ = writeln!(
                std::io::stderr(),
                "error: cannot write to standard output\n  caused by: {error}"
            );
            ExitCode::of(io_kind(&error))
        }
        _ => ExitCode::OK,
    }
}
