//! What a build will do on this machine: all of it is decided, and said, before anything
//! is loaded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::absent::{self, Foreseen};
use super::adapt::adapt;
use super::choice::{Choice, NoBuildKit, buildkit, choose};
use super::foresight::{Foresight, foresee};
use super::open::{Bundle, Seen, look, open};
use super::placeholders::{self, with_placeholders};
use super::recorded::Recorded;
use super::tell_compose::ComposeTold;
use super::{BuildOptions, Error, contexts, fetched, version};
use crate::bundle::{FETCHED_ON_SITE, swallows};
use crate::bundle::{Inventory, Record};
use crate::closure::{self, AbsentInput, Closure, Platform, absent_inputs};
use crate::engine::{Docker, EngineInfo};
use crate::error::Failure;
use crate::event::{Event, Reporter, Warning};
use crate::project::{self, MissingEnvFile, Project, ProjectOptions};
use crate::stages::inventories;

/// This machine, and what its user asks for.
pub(super) struct Site<'a> {
    pub(super) docker: &'a Docker,
    pub(super) engine: &'a EngineInfo,
    /// The project as the user named it.
    pub(super) asked: &'a ProjectOptions,
    /// The same without the files that we generated: Compose reads these, and our own
    /// builds do not.
    pub(super) options: &'a BuildOptions,
    /// Whether a replay service stays.
    pub(super) stayed: bool,
    /// Where a dry run writes what a build would write into the bundle's folder.
    pub(super) scratch: Option<&'a Path>,
    pub(super) reporter: &'a dyn Reporter,
}

/// What is built, from what, and how.
pub(super) struct Plan {
    /// The project as it was exported.
    pub(super) written: Project,
    /// The project as builds have it here.
    pub(super) project: Project,
    pub(super) closure: Closure,
    pub(super) bundle: Bundle,
    /// What the build contexts hold here, by service.
    pub(super) inventories: BTreeMap<String, Arc<Inventory>>,
    pub(super) foresight: Foresight,
    pub(super) choice: Choice,
    /// Why `BuildKit` cannot be used here at all.
    pub(super) no_buildkit: Option<String>,
    /// What a dry run has seen of the bundle.
    pub(super) seen: Seen,
}

impl Plan {
    /// How Compose is told what it has to know here.
    pub(super) fn told<'a>(&'a self, asked: &'a ProjectOptions) -> ComposeTold<'a> {
        told(&self.written, &self.closure, asked, &self.bundle)
    }
}

impl Site<'_> {
    /// Decides what will be done with a project.
    pub(super) fn plan(&self, project: Project) -> Result<Plan, Failure> {
        let missing = buildkit(self.docker, self.engine)?;
        let platform = parse_platform(&self.engine.platform)?;
        let closure = self.closure(&project, &platform)?;
        let (bundle, seen, missing) = self.bundle(&project, &closure, &platform, missing)?;
        let (written, closure) =
            with_arguments(project, closure, &bundle.record, self.options, &platform)?;
        let folder = told(&written, &closure, self.asked, &bundle).folder();
        let carried = contexts::Carried {
            record: &bundle.record,
            layout: &bundle.layout,
            folder: &folder,
        };
        let services = &self.options.services;
        let (project, closure) = carried.lay(written.clone(), closure, services, &platform)?;
        let lacking = absent_inputs(&project, &closure);
        let project = self.as_built_here(&project, &closure, &bundle, &lacking)?;
        let inventories = inventories(&closure)?;
        let mut foresight = foresee(
            &project,
            &closure,
            &bundle.record,
            &bundle.layout,
            &inventories,
            self.engine,
            &Recorded::of(self.options, self.engine, &bundle.record, missing.as_ref()),
        )?;
        let said = absent::say(
            &lacking,
            &Foreseen {
                project: &project,
                closure: &closure,
                record: &bundle.record,
                layout: &bundle.layout,
                inventories: &inventories,
                engine: self.engine,
            },
        )?;
        self.say_missing_env_files(&written, &closure);
        said.events
            .into_iter()
            .for_each(|event| self.reporter.event(event));
        foresight.explain(said.explanations);
        let no_buildkit = missing.as_ref().map(|m| m.why.clone());
        let choice = choose(
            self.options,
            missing,
            &bundle.record,
            &closure,
            &foresight,
            self.engine,
        )?;
        self.say_what_is_foreseen(&choice, &foresight);
        Ok(Plan {
            written,
            project,
            closure,
            bundle,
            inventories,
            foresight,
            choice,
            no_buildkit,
            seen,
        })
    }

    fn closure(&self, project: &Project, platform: &Platform) -> Result<Closure, Failure> {
        let closure = closure::resolve_to_build(project, &self.options.services, platform)?;
        if let Some(version) = &self.options.version {
            version::check(project, &closure, version)?;
        }
        let wanted = self.options.wanted.as_ref();
        if let Some(warning) = wanted.and_then(|path| swallowed(&closure, path)) {
            self.reporter.event(Event::Warning(warning));
        }
        Ok(closure)
    }

    /// The bundle; gives back what keeps `BuildKit` from building here.
    fn bundle(
        &self,
        project: &Project,
        closure: &Closure,
        platform: &Platform,
        missing: Option<NoBuildKit>,
    ) -> Result<(Bundle, Seen, Option<NoBuildKit>), Failure> {
        let (options, docker) = (self.options, self.docker);
        let opened = match self.scratch {
            Some(scratch) => {
                let to = (scratch, self.reporter);
                look(project, closure, options, platform, to)
            }
            None => open(project, closure, options, platform, docker, self.reporter)
                .map(|bundle| (bundle, Seen::default())),
        };
        let (bundle, seen) = match opened {
            Ok(opened) => opened,
            // What the engine lacks is said first: no bundle is the answer to it.
            Err(error) if self.options.classic => return Err(error),
            Err(error) => return Err(missing.map_or(error, |m| m.failure)),
        };
        if bundle.grown && self.stayed && !self.options.stay {
            self.reporter.event(Event::Note(
                "The replay service that stays does not know of it yet: run docker offline build --stay again.".into(),
            ));
        }
        Ok((bundle, seen, missing))
    }

    /// The project as builds have it here: without what goes out for nothing, with
    /// placeholders for what is absent, and with what the bundle holds of ADD.
    fn as_built_here(
        &self,
        project: &Project,
        closure: &Closure,
        bundle: &Bundle,
        absent: &[AbsentInput],
    ) -> Result<Project, Failure> {
        let folder = told(project, closure, self.asked, bundle).folder();
        let stand_ins = folder.join("placeholders");
        placeholders::clear(&stand_ins)?;
        let mut here = with_placeholders(project, absent, &stand_ins)?;
        adapt(&mut here, closure, self.engine.store);
        let laid = fetched_folder(&folder);
        fetched::lay(&mut here, closure, &bundle.record, &bundle.layout, &laid)?;
        Ok(here)
    }

    fn say_missing_env_files(&self, written: &Project, closure: &Closure) {
        for missing in project::missing_env_files(&self.options.project) {
            let optional = written.optional_env_files.contains_key(&missing.service);
            if optional && closure.service(&missing.service).is_some() {
                self.reporter
                    .event(Event::Warning(without_env_file(&missing)));
            }
        }
    }

    fn say_what_is_foreseen(&self, choice: &Choice, foresight: &Foresight) {
        self.reporter.event(Event::Note(choice.words.clone()));
        let of_buildkit = foresight.misses.iter().map(|(_, warning)| warning);
        let of_buildkit = of_buildkit.filter(|_| !choice.classic);
        for warning in foresight.warnings.iter().chain(of_buildkit) {
            self.reporter.event(Event::Warning(warning.clone()));
        }
    }
}

fn told<'a>(
    project: &'a Project,
    closure: &'a Closure,
    asked: &'a ProjectOptions,
    bundle: &'a Bundle,
) -> ComposeTold<'a> {
    ComposeTold {
        project,
        closure,
        asked,
        folder: &bundle.site,
    }
}

/// Where the files lie that ADD fetches, within our folder for this site.
pub(super) fn fetched_folder(folder: &Path) -> PathBuf {
    folder.join(FETCHED_ON_SITE)
}

/// A request file where a build would take it into an image, and change a key by it.
fn swallowed(closure: &Closure, path: &Path) -> Option<Warning> {
    let path = std::path::absolute(path).ok()?;
    let reason = swallows(closure, &path)?;
    Some(Warning {
        what: "the request file would become a part of what is built".into(),
        subject: Some(path.display().to_string()),
        why: Some(reason.to_string()),
        remedy: Some("write it beside the project, as in --wanted ../wanted.json, or name it in that .dockerignore".into()),
    })
}

/// The project as it was exported: with the build arguments that the export was
/// given besides those of the Compose files.
fn with_arguments(
    mut project: Project,
    closure: Closure,
    record: &Record,
    options: &BuildOptions,
    platform: &Platform,
) -> Result<(Project, Closure), Failure> {
    if record.build_args.is_empty() {
        return Ok((project, closure));
    }
    project.set_arguments(&record.build_args);
    let closure = closure::resolve_to_build(&project, &options.services, platform)?;
    Ok((project, closure))
}

pub(super) fn parse_platform(text: &str) -> Result<Platform, Failure> {
    Ok(text.parse().map_err(|_| Error::Platform {
        text: text.to_owned(),
    })?)
}

/// No build needs an `env_file`, and the service does when it runs.
fn without_env_file(missing: &MissingEnvFile) -> Warning {
    let path = missing.path.display();
    Warning {
        what: format!(
            "service {}: the env_file {path} is not on this machine: it is built, and starts without its variables",
            missing.service
        ),
        subject: missing.location.as_ref().map(ToString::to_string),
        why: None,
        remedy: Some(format!("put it there before docker compose up: {path}")),
    }
}
