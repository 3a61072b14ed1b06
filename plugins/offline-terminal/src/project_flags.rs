use std::path::PathBuf;

use clap::{Args, ValueHint};

/// The flags that say which Compose project is meant; names and meaning are
/// those of `docker compose`.
#[derive(Debug, Clone, Default, Args)]
pub struct ProjectFlags {
    /// Services to work on, and what they are built upon (default: all); an export adds what they need to run
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,

    /// Compose file; give it again for overlays
    #[arg(short = 'f', long = "file", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Compose options")]
    pub files: Vec<PathBuf>,

    /// Profile to enable; give it again for more
    #[arg(
        long = "profile",
        value_name = "PROFILE",
        help_heading = "Compose options"
    )]
    pub profiles: Vec<String>,

    /// Enable every profile
    #[arg(long, help_heading = "Compose options")]
    pub all_profiles: bool,

    /// The folder that relative paths start from (default: that of the first Compose file)
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Compose options")]
    pub project_directory: Option<PathBuf>,

    /// Project name
    #[arg(
        short = 'p',
        long,
        value_name = "NAME",
        help_heading = "Compose options"
    )]
    pub project_name: Option<String>,

    /// Environment file; give it again for more
    #[arg(long = "env-file", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Compose options")]
    pub env_files: Vec<PathBuf>,
}

impl ProjectFlags {
    /// The same as the core wants it.
    pub fn options(&self) -> offline_core::project::ProjectOptions {
        offline_core::project::ProjectOptions {
            files: self.files.clone(),
            profiles: self.profiles.clone(),
            all_profiles: self.all_profiles,
            project_directory: self.project_directory.clone(),
            env_files: self.env_files.clone(),
            project_name: self.project_name.clone(),
        }
    }
}
