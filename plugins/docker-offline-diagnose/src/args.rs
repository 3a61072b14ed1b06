use std::path::PathBuf;

use clap::ValueHint;
use offline_core::Failure;
use offline_core::diagnosis::{self, Language, Rule};
use offline_terminal::{Command, Format, Lang, Progress, ProjectFlags, Terminal};

/// The arguments of `docker offline diagnose`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Which project.
    #[command(flatten)]
    pub project: ProjectFlags,

    /// Bundle folder or archive (default: build-cache, else the newest build-cache-*.tar.* beside the Compose file)
    #[arg(long, value_name = "DIR|ARCHIVE", value_hint = ValueHint::AnyPath)]
    pub bundle: Option<PathBuf>,

    /// Bundle folder of your own, or where one will be unpacked
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub cache_dir: Option<PathBuf>,

    /// Explain the log of a failed build and look at nothing else; "-" is standard input
    #[arg(long, value_name = "FILE|-", value_hint = ValueHint::FilePath, conflicts_with_all = ["bundle", "why"])]
    pub log: Option<PathBuf>,

    /// Say what a rule looks for, why, and what to do; ids stand in brackets behind findings
    #[arg(long, value_name = "ID", value_parser = rule)]
    pub explain: Option<&'static Rule>,

    /// Say of each step of a service whether it is in the bundle's cache, and of the first that is not, why
    #[arg(long, value_name = "SERVICE", conflicts_with_all = ["explain", "log", "strict"])]
    pub why: Option<String>,

    /// List what the bundle has recorded of the network, by service and step, and look at nothing else
    #[arg(long, conflicts_with_all = ["explain", "log", "strict", "why"])]
    pub list_network: bool,

    /// Exit with 1 where there are warnings and no errors
    #[arg(long)]
    pub strict: bool,

    /// One line a finding, and nothing where all is well
    #[arg(short, long)]
    pub quiet: bool,

    /// How to print the result
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub format: Format,

    /// The language of findings (default: that of the locale)
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    pub lang: Option<Lang>,
}

impl Args {
    /// The language asked for, or that of the user's locale.
    pub(crate) fn language(&self) -> Language {
        Lang::or_of_locale(self.lang)
    }
}

fn rule(id: &str) -> Result<&'static Rule, String> {
    if let Some(rule) = diagnosis::rule(id) {
        return Ok(rule);
    }
    if let Some(meant) = diagnosis::suggestion(id) {
        return Err(format!(
            "there is no rule of this id; perhaps {meant} is meant"
        ));
    }
    let ids: Vec<&str> = diagnosis::rules().iter().map(|rule| rule.id).collect();
    let ids = ids.join(", ");
    Err(format!("there is no rule of this id; there are {ids}"))
}

impl Command for Args {
    const NAME: &'static str = "diagnose";
    const ABOUT: &'static str = "Say what is missing before anything hangs";

    fn progress(&self) -> Progress {
        if self.quiet {
            Progress::Quiet
        } else {
            Progress::Auto
        }
    }

    fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        crate::run::run(self, terminal)
    }
}
