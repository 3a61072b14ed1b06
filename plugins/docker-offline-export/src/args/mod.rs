//! The arguments of `docker offline export`.

mod also;
mod archive;
mod build_arg;
mod network;
mod site_engine;
mod split;

use also::Also;
pub use archive::Archive;
pub use build_arg::BuildArg;
pub use site_engine::{SiteEngine, SiteEngineError, SiteStore};
pub use split::Split;

use std::path::PathBuf;

use clap::ValueHint;
use offline_core::Failure;
use offline_terminal::{Command, Format, Progress, ProjectFlags, Terminal};

/// The arguments of `docker offline export`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Which project.
    #[command(flatten)]
    pub project: ProjectFlags,

    /// Bundle folder, which is an OCI image layout
    #[arg(long, value_name = "DIR", default_value = "build-cache", value_hint = ValueHint::DirPath)]
    pub cache_dir: PathBuf,

    /// Archive to write (.tar.zst, .tar.gz or .tar), or "none" (default: build-cache-YYYYMMDD.tar.zst; beside a --cache-dir of your own, of its name)
    #[arg(long, value_name = "FILE|none", value_hint = ValueHint::FilePath)]
    pub archive: Option<Archive>,

    /// Write the archive in numbered parts of at most this size: 3900M, 4G, or fat32, dvd or cd
    #[arg(long, value_name = "SIZE|fat32|dvd|cd", conflicts_with = "fetch")]
    pub split: Option<Split>,

    /// Without effect: every bundle serves both builders
    #[arg(long, hide = true, value_name = "BUILDER", value_parser = ["buildkit", "classic", "both"])]
    pub builder: Option<String>,

    /// Platform to export for, like linux/arm64 (default: what the project says, else the engine's)
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub platform: Option<String>,

    /// Engine of the air-gapped site, like 26.1 or 28.5,containerd: says now what cannot be cached there
    #[arg(long, value_name = "VERSION[,STORE]")]
    pub site_engine: Option<SiteEngine>,

    /// Build argument for every service, carried in the bundle, so not for secrets; without a value, the environment's
    #[arg(
        long = "build-arg",
        value_name = "NAME[=VALUE]",
        help_heading = "Network options"
    )]
    pub build_args: Vec<BuildArg>,

    /// Proxy for the registries and for what builds fetch
    #[arg(long, value_name = "URL", value_parser = network::proxy, help_heading = "Network options")]
    pub http_proxy: Option<String>,

    /// Authorities to trust at registries besides the system's, in PEM form
    #[arg(long, value_name = "FILE", value_parser = network::ca_file, value_hint = ValueHint::FilePath, help_heading = "Network options")]
    pub ca_file: Option<PathBuf>,

    /// Do not record what builds fetch: on the site, steps that need a network then run only as long as they are cached
    #[arg(long, help_heading = "Network options")]
    pub no_record: bool,

    /// Fail where what a service fetches cannot be recorded, instead of going on without its recording
    #[arg(long, help_heading = "Network options", conflicts_with = "no_record")]
    pub strict: bool,

    /// Fetch what a site lacks, as docker offline build --wanted FILE wrote it down there, into a small archive that adds it to the site's bundle; export nothing else
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Network options",
        conflicts_with_all = ["services", "builder", "platform", "site_engine", "no_record", "strict", "no_images", "with_source", "with_tools", "containers", "pip", "npm", "apt", "dry_run", "force"])]
    pub fetch: Option<PathBuf>,

    /// Carry a running container, as it was configured by hand, as the image that its service runs (may be given several times)
    #[arg(long = "container", value_name = "NAME")]
    pub containers: Vec<String>,

    /// Packages to be fetched besides.
    #[command(flatten)]
    pub also: Also,

    /// Do not carry the finished images of services, by which docker offline build --load-only makes docker compose up -d work without a build; of their own they have a few KB
    #[arg(long)]
    pub no_images: bool,

    /// Carry the project's folder too, so that nothing else has to be carried: what git does not ignore, what git tracks, and what builds and Compose read
    #[arg(long)]
    pub with_source: bool,

    /// Carry the buildx and Compose plugins of this machine's docker command; install.sh installs those that the site lacks
    #[arg(long)]
    pub with_tools: bool,

    /// Print the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// How to print the result
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub format: Format,

    /// How to show progress
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    pub progress: Progress,

    /// Go on where the export would be refused because it cannot work on the site
    #[arg(long)]
    pub force: bool,
}

impl Command for Args {
    const NAME: &'static str = "export";
    const ABOUT: &'static str =
        "Pack all that a Compose project needs to be built and run without a network";

    fn progress(&self) -> Progress {
        self.progress
    }

    fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        crate::run::run(self, terminal)
    }
}
