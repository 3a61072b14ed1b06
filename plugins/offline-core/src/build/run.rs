use std::time::Instant;

use super::apply::apply;
use super::load::{Loaded, load};
use super::load_only::load_only;
use super::next::after_setup;
use super::open::Bundle;
use super::plan::{Plan, Site};
use super::{BuildOptions, ComposeCall, Summary};
use crate::carried::{self, Restored};
use crate::closure::{Closure, Unbundled};
use crate::engine::{Docker, EngineInfo};
use crate::error::Failure;
use crate::event::{Event, Reporter, Task, Work};
use crate::project::{self, Project, ProjectOptions};

/// Loads, warms, builds and tags. The summary comes back also when some
/// services were refused; the failure then says which.
pub fn run(
    docker: &Docker,
    options: &BuildOptions,
    reporter: &dyn Reporter,
) -> Result<(Summary, Option<Failure>), Failure> {
    let built = Ready::read(docker, options, reporter)?.build()?;
    Ok((built.summary, built.refused))
}

/// A build that is about to begin: engine and project are read, and nothing is done.
pub(crate) struct Ready<'a> {
    /// What the project gives to builds and to Compose is in its environment.
    pub(crate) docker: Docker,
    pub(crate) engine: EngineInfo,
    /// The project as it was exported.
    pub(crate) project: Project,
    options: BuildOptions,
    asked: &'a ProjectOptions,
    stayed: bool,
    reporter: &'a dyn Reporter,
    started: Instant,
}

/// What came of a build.
pub(crate) struct Built {
    pub(crate) summary: Summary,
    /// Why some services have no image of it.
    pub(crate) refused: Option<Failure>,
    /// Compose, as it runs what was built; nothing after `--setup` and
    /// `--load-only`.
    pub(crate) compose: Option<ComposeCall>,
}

impl<'a> Ready<'a> {
    /// Reads the engine and the project.
    pub(crate) fn read(
        docker: &Docker,
        options: &'a BuildOptions,
        reporter: &'a dyn Reporter,
    ) -> Result<Self, Failure> {
        let started = Instant::now();
        let asked = &options.project;
        let stayed = project::stays(asked)?;
        let options = BuildOptions {
            project: project::without_generated(asked)?,
            ..options.clone()
        };
        let (engine, project) = read(docker, &options, reporter)?;
        if let Some(warning) = project.reading_warning() {
            reporter.event(Event::Warning(warning));
        }
        Ok(Self {
            docker: project.with_secret_variables(docker),
            engine,
            project,
            options,
            asked,
            stayed,
            reporter,
            started,
        })
    }

    /// Decides, loads and builds.
    pub(crate) fn build(&self) -> Result<Built, Failure> {
        let site = self.site();
        if self.options.load_only {
            let (summary, refused) = load_only(&site, &self.project)?;
            return Ok(Built {
                summary,
                refused,
                compose: None,
            });
        }
        let plan = site.plan(self.project.clone())?;
        let bundle = &plan.bundle;
        let loaded = load(
            &self.docker,
            &self.engine,
            &bundle.layout,
            &bundle.record.images,
            &plan.closure,
            self.reporter,
        )?;
        self.docker.check_interrupt()?;
        let mut summary = begun(&plan, &self.options, &loaded);
        summary.carried = restore(&site, &plan.written, &plan.closure, bundle)?;
        let (refused, compose) = if self.options.setup {
            summary.next = after_setup(self.asked, self.options.classic);
            (None, None)
        } else {
            let applied = apply(&site, &plan, &mut summary)?;
            (applied.refused, Some(applied.compose))
        };
        summary.elapsed = self.started.elapsed();
        Ok(Built {
            refused: refused.or_else(|| carried::failure(&summary.carried)),
            summary,
            compose,
        })
    }

    pub(super) fn site(&self) -> Site<'_> {
        Site {
            docker: &self.docker,
            engine: &self.engine,
            asked: self.asked,
            options: &self.options,
            stayed: self.stayed,
            scratch: None,
            reporter: self.reporter,
        }
    }
}

/// Puts what is carried besides images into its place, before anything needs it.
pub(super) fn restore(
    site: &Site<'_>,
    project: &Project,
    closure: &Closure,
    bundle: &Bundle,
) -> Result<Vec<Restored>, Failure> {
    let services = closure.services.iter().map(|s| s.name.clone());
    let here = carried::Site {
        docker: site.docker,
        platform: &site.engine.platform,
        project,
        services: &services.collect(),
        layout: &bundle.layout,
        replace: &site.options.replace,
    };
    carried::restore(&here, &bundle.record, site.reporter)
}

/// The summary before anything is built.
fn begun(plan: &Plan, options: &BuildOptions, loaded: &Loaded) -> Summary {
    Summary {
        project: plan.project.name.clone(),
        bundle: plan.bundle.layout.path().to_owned(),
        loaded: loaded.images,
        loaded_bytes: loaded.bytes,
        setup_only: options.setup,
        builder: plan.choice.words.clone(),
        at_start: at_start(&plan.closure),
        ..Summary::default()
    }
}

/// What the services ask for once they start.
fn at_start(closure: &Closure) -> Vec<Unbundled> {
    let asked = closure.unbundled.iter().filter(|one| one.is_at_start());
    asked.cloned().collect()
}

fn read(
    docker: &Docker,
    options: &BuildOptions,
    reporter: &dyn Reporter,
) -> Result<(EngineInfo, Project), Failure> {
    let _task = Task::start(reporter, Work::ReadProject, None);
    std::thread::scope(|scope| {
        let engine = scope.spawn(|| EngineInfo::read(docker));
        let project = project::read_for_builds(docker, &options.project);
        let engine = match engine.join() {
            Ok(engine) => engine,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        Ok((engine?, project?))
    })
}
