//! Puts a volume's content into the volume of the site.

use std::collections::BTreeMap;
use std::ffi::OsString;

use serde::Deserialize;

use super::super::marks::Marks;
use super::super::{Site, State, layer};
use super::engine::{Helper, remove_ours, users};
use super::{ARTIFACT, NAME};
use crate::bundle::Carried;
use crate::error::Failure;
use crate::layout::Progress;
use crate::project::NamedVolume;

/// The label that says what a volume was filled with. docker-compose 1 warns of every label
/// that its file does not have, but for those that begin like this (fact 63).
const LABEL: &str = "com.docker.offline.carried";

/// One volume on its way.
pub(super) struct Restoring<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) carried: &'a Carried,
    pub(super) volume: &'a NamedVolume,
}

/// What the engine says of a volume.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct There {
    created_at: String,
    driver: String,
    labels: Option<BTreeMap<String, String>>,
    options: Option<BTreeMap<String, String>>,
}

impl Restoring<'_> {
    /// A volume that nobody uses is made anew, with the labels by which Compose knows its
    /// own; one that Compose did not make is filled as it is.
    pub(super) fn run(&self, progress: Progress<'_>) -> Result<State, Failure> {
        let name = &self.volume.name;
        let docker = self.site.docker;
        let marks = Marks::of(self.site.layout.path(), NAME, name);
        let begun = marks.is_begun();
        let Some(there) = docker.volume::<There>(name)? else {
            let helper = self.helper(begun)?;
            self.anew(&helper, &marks, progress)?;
            return Ok(State::Written);
        };
        let root = self.carried.root.digest.to_string();
        let done = format!("{root} {}", there.created_at);
        let labels = there.labels.unwrap_or_default();
        let ours = labels.get(LABEL) == Some(&root);
        if !begun && (ours || marks.is_done(&done)) {
            return Ok(State::Kept);
        }
        if begun {
            remove_ours(docker, name)?;
        }
        let users = users(docker, name)?;
        if !users.is_empty() {
            let users = users.join(", ");
            return Ok(State::Refused(format!(
                "the volume {name} is in use by {users}; first: docker compose down"
            )));
        }
        let helper = self.helper(begun)?;
        let empty = helper.finds_empty(name)?;
        if !(empty || begun || self.site.replace.takes(&self.carried.name)) {
            return Ok(State::Refused(format!("the volume {name} holds data")));
        }
        let options = there.options.unwrap_or_default();
        let made_elsewhere = self.volume.external || there.driver != "local" || !options.is_empty();
        if !made_elsewhere {
            docker.output(["volume", "rm", name])?;
            self.anew(&helper, &marks, progress)?;
            return Ok(State::Written);
        }
        if !empty {
            return Ok(State::Refused(format!(
                "the volume {name} holds data, and was not made by Compose alone: empty it by hand"
            )));
        }
        marks.begin()?;
        self.fill(&helper, progress)?;
        marks.end(&done)?;
        Ok(State::Written)
    }

    fn helper(&self, after_killed_run: bool) -> Result<Helper<'_>, Failure> {
        let mut helper = Helper::new(self.site.docker, self.site.platform)?;
        if after_killed_run {
            helper.of_killed_run();
        }
        Ok(helper)
    }

    fn anew(
        &self,
        helper: &Helper<'_>,
        marks: &Marks,
        progress: Progress<'_>,
    ) -> Result<(), Failure> {
        let (docker, name) = (self.site.docker, &self.volume.name);
        marks.begin()?;
        let root = self.carried.root.digest.to_string();
        docker.output(creation(&self.site.project.name, self.volume, Some(&root)))?;
        if let Err(failure) = self.fill(helper, progress) {
            // Also after an interrupt, which ends every other command.
            let remove = ["volume", "rm", name.as_str()];
            let _ = docker.command(remove).output();
            return Err(failure);
        }
        marks.end("")?;
        Ok(())
    }

    fn fill(&self, helper: &Helper<'_>, progress: Progress<'_>) -> Result<(), Failure> {
        let tar = layer::open(self.site.docker, self.site.layout, self.carried, ARTIFACT)?;
        helper.write(&self.volume.name, tar, progress)
    }
}

/// As Compose makes it, so that it takes the volume for its own (`ensureVolume` in
/// `pkg/compose/create.go`); `of` says what it is filled with, as a whole.
pub(in crate::carried) fn creation(
    project: &str,
    volume: &NamedVolume,
    of: Option<&str>,
) -> Vec<OsString> {
    let mut args = vec!["volume".to_owned(), "create".to_owned()];
    let mut label = |name: &str, value: &str| {
        args.extend(["--label".to_owned(), format!("{name}={value}")]);
    };
    if let Some(of) = of {
        label(LABEL, of);
    }
    if !volume.external {
        label("com.docker.compose.project", project);
        label("com.docker.compose.volume", &volume.key);
    }
    if let Some(driver) = &volume.driver {
        args.extend(["--driver".to_owned(), driver.clone()]);
    }
    for (option, value) in &volume.options {
        args.extend(["--opt".to_owned(), format!("{option}={value}")]);
    }
    args.push(volume.name.clone());
    args.into_iter().map(OsString::from).collect()
}
