use std::ffi::OsString;
use std::path::PathBuf;

/// Which project is meant: the flags `docker compose` takes before its command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectOptions {
    /// `-f`, in the order given; empty means Compose's own search.
    pub files: Vec<PathBuf>,
    /// `--profile`.
    pub profiles: Vec<String>,
    /// Every profile is active.
    pub all_profiles: bool,
    /// `--project-directory`.
    pub project_directory: Option<PathBuf>,
    /// `--env-file`, in the order given.
    pub env_files: Vec<PathBuf>,
    /// `-p`.
    pub project_name: Option<String>,
}

impl ProjectOptions {
    /// `compose` and its project flags, to be followed by a Compose command.
    ///
    /// Every call to Compose must begin with these, so that all see one project.
    pub fn compose_args(&self) -> Vec<OsString> {
        let mut args: Vec<OsString> = vec!["compose".into()];
        let mut flag = |name: &str, value: OsString| {
            args.push(name.into());
            args.push(value);
        };
        for file in &self.files {
            flag("-f", file.into());
        }
        if self.all_profiles {
            flag("--profile", "*".into());
        }
        for profile in &self.profiles {
            flag("--profile", profile.into());
        }
        if let Some(directory) = &self.project_directory {
            flag("--project-directory", directory.into());
        }
        for file in &self.env_files {
            flag("--env-file", file.into());
        }
        if let Some(name) = &self.project_name {
            flag("-p", name.into());
        }
        args
    }

    /// The same project with every profile active.
    #[must_use]
    pub fn with_all_profiles(&self) -> Self {
        Self {
            all_profiles: true,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_comes_before_the_command() {
        let options = ProjectOptions {
            files: vec!["a.yaml".into(), "b.yaml".into()],
            profiles: vec!["debug".into()],
            all_profiles: false,
            project_directory: Some("/p".into()),
            env_files: vec![".env.prod".into()],
            project_name: Some("demo".into()),
        };
        assert_eq!(
            options.compose_args().join(" ".as_ref()),
            "compose -f a.yaml -f b.yaml --profile debug --project-directory /p --env-file .env.prod -p demo"
        );
        let all = ProjectOptions::default().with_all_profiles();
        assert_eq!(all.compose_args().join(" ".as_ref()), "compose --profile *");
    }
}
