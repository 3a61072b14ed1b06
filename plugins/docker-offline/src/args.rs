use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use offline_terminal::Command as _;

/// One line for Docker's list of plugins.
pub(crate) const ABOUT: &str = "Carry a Compose project to a machine without a network";

/// The arguments of the plugin, without Docker's global flags and its own name.
#[derive(Debug, Parser)]
#[command(
    name = "docker-offline",
    about = ABOUT,
    disable_version_flag = true,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    /// Print version
    #[arg(short = 'V', long)]
    pub(crate) version: bool,

    #[command(subcommand)]
    pub(crate) command: Option<Commands>,
}

/// What the plugin can be asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum Commands {
    #[command(about = docker_offline_export::Args::ABOUT)]
    Export(Box<docker_offline_export::Args>),
    #[command(about = docker_offline_build::Args::ABOUT)]
    Build(Box<docker_offline_build::Args>),
    #[command(about = docker_offline_diagnose::Args::ABOUT)]
    Diagnose(Box<docker_offline_diagnose::Args>),
    /// Print the shell function that makes docker offline-export, offline-build and offline-diagnose work
    ShellHook {
        /// Your shell
        #[arg(value_enum)]
        shell: HookShell,
    },
    /// Print the completion of the small binaries for a shell
    Completion {
        /// Your shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print version
    Version,
    /// Write the generated documentation
    #[command(name = "__docs", hide = true)]
    Docs {
        /// The folder that receives cli/ and exit-codes.md
        directory: PathBuf,
    },
}

/// A shell that there is a hook for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum HookShell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
    /// PowerShell
    Powershell,
}
