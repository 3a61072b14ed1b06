use std::path::PathBuf;

use clap::ValueHint;
use offline_core::Failure;
use offline_terminal::{Command, Format, Progress, ProjectFlags, Terminal};

/// The arguments of `docker offline diagnose`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Which project.
    #[command(flatten)]
    pub project: ProjectFlags,

    /// Bundle folder or archive (default: build-cache, else the newest build-cache-*.tar.* beside the Compose file)
    #[arg(long, value_name = "DIR|ARCHIVE", value_hint = ValueHint::AnyPath)]
    pub bundle: Option<PathBuf>,

    /// Log of a failed build to explain; "-" is standard input (not built in yet)
    #[arg(long, value_name = "FILE|-", value_hint = ValueHint::FilePath)]
    pub log: Option<PathBuf>,

    /// Warnings are failures too
    #[arg(long)]
    pub strict: bool,

    /// How to print the result
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub format: Format,
}

impl Command for Args {
    const NAME: &'static str = "diagnose";
    const ABOUT: &'static str = "Say what is missing before anything hangs";

    fn progress(&self) -> Progress {
        Progress::Auto
    }

    fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        crate::run::run(self, terminal)
    }
}
