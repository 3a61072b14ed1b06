use std::ffi::OsString;
use std::io::Write as _;

use clap::{CommandFactory as _, FromArgMatches as _};
use offline_terminal::{ExitCode, Invocation, Request, execute, metadata, parse, version_text};

use crate::args::{ABOUT, Cli, Commands};

/// Does what Docker's CLI, or a shell, asked for.
pub(crate) fn run(invocation: Invocation) -> ExitCode {
    let name = if invocation.through_docker {
        "docker offline"
    } else {
        "docker-offline"
    };
    match invocation.request {
        Request::Metadata => print(&metadata(ABOUT)),
        Request::Hooks => ExitCode::OK,
        Request::Complete { .. } => ExitCode::OK,
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
        Some(Commands::ShellHook { .. } | Commands::Completion { .. } | Commands::Docs { .. }) => {
            ExitCode::UNEXPECTED
        }
    }
}

fn version() -> ExitCode {
    print(&format!("{}\n", version_text("docker-offline")))
}

/// Without a command, the plugin shows its help, as Docker's own commands do.
fn help(name: &str) -> ExitCode {
    let _ = Cli::command().bin_name(name).print_help();
    ExitCode::OK
}

fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::OK
}
