//! `--also-pip` and its kin.

use offline_core::project::{OfflinePackage, PackageTool, package_word};

/// Packages to be fetched besides what the builds ask for.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Also {
    /// Fetch a Python package too, with what it needs, for every service whose Dockerfile calls pip: an edit on the site that adds it is then answered. As pip takes it: "torch==2.*" (may be given several times)
    #[arg(long = "also-pip", value_name = "PACKAGE", value_parser = package_word, help_heading = "Network options")]
    pub pip: Vec<String>,

    /// The same with npm: "left-pad@^1"
    #[arg(long = "also-npm", value_name = "PACKAGE", value_parser = package_word, help_heading = "Network options")]
    pub npm: Vec<String>,

    /// The same with apt: jq
    #[arg(long = "also-apt", value_name = "PACKAGE", value_parser = package_word, help_heading = "Network options")]
    pub apt: Vec<String>,
}

impl Also {
    /// All of them, for the whole project.
    pub fn packages(&self) -> Vec<OfflinePackage> {
        let of = |tool: PackageTool| match tool {
            PackageTool::Apt => &self.apt,
            PackageTool::Npm => &self.npm,
            PackageTool::Pip => &self.pip,
        };
        let tools = PackageTool::ALL.into_iter();
        let words = tools.flat_map(|tool| of(tool).iter().map(move |word| (tool, word)));
        words
            .map(|(tool, word)| OfflinePackage {
                tool,
                word: word.clone(),
                service: None,
                location: None,
            })
            .collect()
    }
}
