//! What a kind of thing that is carried has to know.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;

use super::source::Source;
use super::tools::Tools;
use super::web::Reach;
use crate::bundle::Carried;
use crate::engine::Docker;
use crate::error::Failure;
use crate::event::Reporter;
use crate::layout::{Descriptor, Layout, Progress};
use crate::project::{Location, Project};

/// A kind of thing that is carried.
pub trait Kind: Sync {
    /// Its name in `bundle.json` and in `x-offline`.
    fn name(&self) -> &'static str;

    /// Whether it is fetched before anything is built: what comes from elsewhere and does
    /// not come should be known early.
    fn comes_first(&self) -> bool {
        false
    }

    /// What of the project is carried. Asks, and changes nothing.
    fn plan(&self, origin: &Origin<'_>) -> Result<Vec<Planned>, Failure>;

    /// What of it could be carried and is not declared: a sentence for each, with the lines
    /// that would carry it. Nothing is taken that nobody has asked for.
    fn propose(&self, origin: &Origin<'_>) -> Result<Vec<String>, Failure>;

    /// Puts one thing into the layout.
    fn fetch(
        &self,
        origin: &Origin<'_>,
        planned: &Planned,
        layout: &Layout,
        progress: Progress<'_>,
    ) -> Result<Fetched, Failure>;

    /// What a project declares, by its name in the bundle: on site, nothing else is put
    /// anywhere. A bundle decides for no path and no volume by itself.
    fn declared(&self, project: &Project) -> Vec<Declared>;

    /// Puts it where the project expects it. What is there and differs stays.
    fn restore(
        &self,
        site: &Site<'_>,
        carried: &Carried,
        progress: Progress<'_>,
    ) -> Result<Restored, Failure>;
}

/// The machine that exports.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    /// Its engine.
    pub docker: &'a Docker,
    /// The engine's platform.
    pub platform: &'a str,
    /// The project.
    pub project: &'a Project,
    /// The services of this export.
    pub services: &'a BTreeSet<String>,
    /// The bundle folder, which no folder that is carried may hold.
    pub bundle: &'a Path,
    /// What travels of the project's folder, where that was asked for.
    pub source: Option<&'a Source>,
    /// The docker command's plugins, where those were asked for.
    pub tools: Option<&'a Tools>,
    /// How servers are reached.
    pub reach: &'a Reach,
    /// What is told of retries, and of what the user should know.
    pub reporter: &'a dyn Reporter,
}

impl Origin<'_> {
    /// Whether what is declared for a service, or for the whole project, is carried.
    pub fn wants(&self, service: Option<&String>) -> bool {
        service.is_none_or(|service| self.services.contains(service))
    }
}

/// The machine that a bundle has come to.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// Its engine.
    pub docker: &'a Docker,
    /// The engine's platform.
    pub platform: &'a str,
    /// The project as it is there.
    pub project: &'a Project,
    /// The services that are built.
    pub services: &'a BTreeSet<String>,
    /// The bundle.
    pub layout: &'a Layout,
    /// What of that which is there and differs is replaced.
    pub replace: &'a Replace,
}

impl Site<'_> {
    /// Whether a service is among those that are built.
    pub fn has(&self, service: &str) -> bool {
        self.services.contains(service)
    }
}

/// What of that which is there and differs is replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Replace {
    /// Nothing.
    #[default]
    Nothing,
    /// All of it.
    All,
    /// What has one of these names in the bundle.
    These(Vec<String>),
}

impl Replace {
    /// Whether what lies in the place of this is replaced.
    pub fn takes(&self, name: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::All => true,
            Self::These(names) => names.iter().any(|one| one == name),
        }
    }
}

/// One thing that a project declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Its name in the bundle.
    pub name: String,
    /// The service that wants it; `None` where the whole project does.
    pub service: Option<String>,
    /// Where it is declared.
    pub location: Option<Location>,
}

/// One thing that will be carried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// What it is.
    pub kind: &'static str,
    /// Its name in the bundle.
    pub name: String,
    /// Where it comes from, for people.
    pub from: String,
    /// Its size in bytes as it is now, where known.
    pub size: Option<u64>,
    /// The services that want it; empty where the whole project does.
    pub services: BTreeSet<String>,
    /// Where it is declared.
    pub location: Option<Location>,
}

impl Planned {
    /// What it has become in a layout; `size` is that of all its blobs, in bytes.
    pub(super) fn stored(&self, root: Descriptor, size: u64, detail: impl Serialize) -> Carried {
        Carried {
            kind: self.kind.into(),
            name: self.name.clone(),
            root,
            size,
            services: self.services.clone(),
            detail: serde_json::to_value(detail).unwrap_or_default(),
        }
    }

    /// What an earlier export has made of the same, once more.
    pub(super) fn again(&self, carried: Carried) -> Fetched {
        Fetched {
            new_bytes: 0,
            carried: Carried {
                services: self.services.clone(),
                ..carried
            },
        }
    }
}

/// What was put into the layout.
#[derive(Debug)]
pub struct Fetched {
    /// The line of `bundle.json`.
    pub carried: Carried,
    /// Bytes that the layout did not have before.
    pub new_bytes: u64,
}

/// What became of one thing on site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// What it is.
    pub kind: String,
    /// Its name in the bundle.
    pub name: String,
    /// Where it is: a path, or a volume of the engine.
    pub place: String,
    /// What became of it.
    pub state: State,
}

/// What became of one thing on site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It was put there.
    Written,
    /// It was there already.
    Kept,
    /// Something else is there, and stays.
    Refused(String),
}

impl Restored {
    /// What became of something, and where it is.
    pub(super) fn of(carried: &Carried, place: String, state: State) -> Self {
        Self {
            kind: carried.kind.clone(),
            name: carried.name.clone(),
            place,
            state,
        }
    }

    /// What was refused, and why.
    pub fn refusal(&self) -> Option<String> {
        match &self.state {
            State::Refused(why) => Some(format!("{} {}: {why}", self.kind, self.name)),
            _ => None,
        }
    }
}
