use std::path::PathBuf;

use clap::ValueHint;
use offline_core::Failure;
use offline_terminal::{Command, Format, Lang, Progress, ProjectFlags, Terminal};

/// The arguments of `docker offline build`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Which project.
    #[command(flatten)]
    pub project: ProjectFlags,

    /// Bundle folder or archive (default: the cache folder, else the newest build-cache-*.tar.* beside the Compose file)
    #[arg(long, value_name = "DIR|ARCHIVE", value_hint = ValueHint::AnyPath)]
    pub bundle: Option<PathBuf>,

    /// Bundle folder that an archive is unpacked into
    #[arg(long, value_name = "DIR", default_value = "build-cache", value_hint = ValueHint::DirPath)]
    pub cache_dir: PathBuf,

    /// Build with the classic builder, which every engine from 20.10 on has (default: by what engine and bundle can do)
    #[arg(long)]
    pub classic: bool,

    /// One more tag for what is built
    #[arg(long, value_name = "TAG")]
    pub version: Option<String>,

    /// Load and tag all that services run, finished images of those that are built among it, and build nothing: docker compose up -d then starts them
    #[arg(long, conflicts_with_all = ["setup", "up", "dry_run", "version", "wanted", "force", "stay", "leave"])]
    pub load_only: bool,

    /// Load the images and stop
    #[arg(long)]
    pub setup: bool,

    /// Then run it: replace the containers whose image has changed and no others, wait until they are healthy, and put back what is not
    #[arg(long, conflicts_with = "setup")]
    pub up: bool,

    /// How long containers of --up may take to become healthy
    #[arg(long, value_name = "SECONDS", default_value_t = 120, requires = "up")]
    pub wait_timeout: u64,

    /// Say what would be loaded, warmed, built, replayed and refused, and why, and do nothing
    #[arg(long, conflicts_with_all = ["setup", "up", "stay", "leave", "wanted"])]
    pub dry_run: bool,

    /// Write what was asked for and is not in the bundle's recording into this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub wanted: Option<PathBuf>,

    /// Leave a replay service running, so that plain docker compose up --build replays the recorded network too
    #[arg(long, conflicts_with_all = ["classic", "setup"])]
    pub stay: bool,

    /// Undo --stay: remove the replay service and the generated files, and do nothing else
    #[arg(long, conflicts_with_all = ["classic", "setup", "up", "stay", "version", "force", "wanted", "replace"])]
    pub leave: bool,

    /// Unpack the project's folder, which export --with-source has carried, into DIR, which is empty or does not exist, and do nothing else
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath,
        conflicts_with_all = ["classic", "version", "load_only", "setup", "up", "dry_run", "wanted", "stay", "leave", "replace", "force"])]
    pub unpack_source: Option<PathBuf>,

    /// Install into DIR those of the plugins that export --with-tools has carried which the docker command lacks, and do nothing else
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath,
        conflicts_with_all = ["classic", "version", "load_only", "setup", "up", "dry_run", "wanted", "stay", "leave", "replace", "force", "unpack_source"])]
    pub install_tools: Option<PathBuf>,

    /// List what the bundle carries besides images, and do nothing else
    #[arg(long, hide = true, conflicts_with_all = ["unpack_source", "install_tools"])]
    pub list_carried: bool,

    /// Overwrite what lies in the place of files and volumes that are carried, or of these alone
    #[arg(long, value_name = "NAME,...", num_args = 0..=1, require_equals = true, value_delimiter = ',', default_missing_value = "")]
    pub replace: Option<Vec<String>>,

    /// The language of what --up and --dry-run report (default: that of the locale)
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    pub lang: Option<Lang>,

    /// How to print the result
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub format: Format,

    /// How to show progress
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    pub progress: Progress,

    /// Build also what this engine cannot take from the bundle's cache
    #[arg(long)]
    pub force: bool,
}

impl Command for Args {
    const NAME: &'static str = "build";
    const ABOUT: &'static str =
        "Load a bundle, warm the build cache and build the project without a network";

    fn progress(&self) -> Progress {
        self.progress
    }

    fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        crate::run::run(self, terminal)
    }
}
