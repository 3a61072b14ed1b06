//! How Compose is called for a project as this site builds it.

use std::ffi::OsString;
use std::path::PathBuf;

use super::plan::{Plan, Site};
use super::{BuildOptions, old_compose};
use crate::engine::Docker;
use crate::error::Failure;
use crate::project::{Project, ProjectOptions};

/// Compose with a project and what it has to know here: the plugin of docker, or
/// docker-compose 1.
pub(crate) struct ComposeCall {
    docker: Docker,
    project: Project,
    options: BuildOptions,
    generated: Option<PathBuf>,
    old: bool,
}

impl ComposeCall {
    /// For what a plan has built; `generated` is the file that says what Compose has to
    /// know here.
    pub(super) fn new(site: &Site<'_>, plan: &Plan, generated: Option<&PathBuf>) -> Self {
        Self {
            docker: site.docker.clone(),
            project: plan.project.clone(),
            options: site.options.clone(),
            generated: generated.cloned(),
            old: site.engine.compose.is_none(),
        }
    }

    /// Starts services from images that are there: these and no others. Gives whether it
    /// worked. It is ended once `stop` says so; each line of it goes to `on_line`.
    pub(crate) fn up(
        &self,
        services: &[String],
        stop: &(dyn Fn() -> bool + Sync),
        on_line: impl FnMut(&str),
    ) -> Result<bool, Failure> {
        let (program, mut words) = self.words()?;
        words.extend(["up", "-d", "--no-build", "--no-deps"].map(OsString::from));
        if !self.old {
            words.extend(["--pull", "never"].map(OsString::from));
        }
        words.extend(services.iter().map(OsString::from));
        let status = program.lines_until(words, stop, on_line)?;
        Ok(status.success())
    }

    /// The program, and the words before a command.
    fn words(&self) -> Result<(Docker, Vec<OsString>), Failure> {
        let generated = self.generated.as_ref();
        if !self.old {
            let words = compose_args(&self.project, &self.options, generated);
            return Ok((self.docker.clone(), words));
        }
        // The first word is that of the plugin.
        let words = for_old_compose(&self.project, &self.options, generated)?;
        Ok((self.docker.old_compose()?, words[1..].to_vec()))
    }
}

/// The flags for our own calls of Compose, with the generated file last where one is
/// needed.
pub(super) fn compose_args(
    project: &Project,
    options: &BuildOptions,
    generated: Option<&PathBuf>,
) -> Vec<OsString> {
    let mut flags: ProjectOptions = options.project.clone();
    if let Some(file) = generated {
        flags.files.clone_from(&project.files);
        flags.files.push(file.clone());
    }
    flags.compose_args()
}

/// The flags for docker-compose 1: all is named, as it looks for other files.
pub(super) fn for_old_compose(
    project: &Project,
    options: &BuildOptions,
    generated: Option<&PathBuf>,
) -> Result<Vec<OsString>, Failure> {
    let mut files = old_compose::files(&project.files)?;
    files.extend(generated.cloned());
    let here = std::env::current_dir().unwrap_or_default();
    let flags = ProjectOptions {
        files: files
            .iter()
            .map(|file| file.strip_prefix(&here).unwrap_or(file).to_owned())
            .collect(),
        project_name: Some(project.name.clone()),
        ..options.project.clone()
    };
    Ok(flags.compose_args())
}
