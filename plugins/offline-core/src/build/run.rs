use std::time::Instant;

use super::apply::apply;
use super::load::{Loaded, load};
use super::next::after_setup;
use super::plan::{Plan, Site};
use super::{BuildOptions, Summary};
use crate::carried::{self, Restored};
use crate::closure::{Closure, Unbundled};
use crate::engine::{Docker, EngineInfo};
use crate::error::Failure;
use crate::event::{Event, Reporter, Task, Work};
use crate::project::{self, Project};

/// Loads, warms, builds and tags. The summary comes back also when some
/// services were refused; the failure then says which.
pub fn run(
    docker: &Docker,
    options: &BuildOptions,
    reporter: &dyn Reporter,
) -> Result<(Summary, Option<Failure>), Failure> {
    let started = Instant::now();
    let asked = &options.project;
    let stayed = project::stays(asked)?;
    let options = &BuildOptions {
        project: project::without_generated(asked)?,
        ..options.clone()
    };
    let (engine, project) = read(docker, options, reporter)?;
    let docker = &project.with_secret_variables(docker);
    if let Some(warning) = project.reading_warning() {
        reporter.event(Event::Warning(warning));
    }
    let site = Site {
        docker,
        engine: &engine,
        asked,
        options,
        stayed,
        reporter,
    };
    let plan = site.plan(project)?;
    let bundle = &plan.bundle;
    let loaded = load(
        docker,
        &engine,
        &bundle.layout,
        &bundle.record,
        &plan.closure,
        reporter,
    )?;
    docker.check_interrupt()?;
    let mut summary = begun(&plan, options, &loaded);
    summary.carried = restore(&site, &plan)?;
    let refused = if options.setup {
        summary.next = after_setup(asked, options.classic);
        None
    } else {
        apply(&site, &plan, &mut summary)?
    };
    summary.elapsed = started.elapsed();
    let refused = refused.or_else(|| carried::failure(&summary.carried));
    Ok((summary, refused))
}

/// Puts what is carried besides images into its place, before anything needs it.
fn restore(site: &Site<'_>, plan: &Plan) -> Result<Vec<Restored>, Failure> {
    let services = plan.closure.services.iter().map(|s| s.name.clone());
    let here = carried::Site {
        docker: site.docker,
        platform: &site.engine.platform,
        project: &plan.written,
        services: &services.collect(),
        layout: &plan.bundle.layout,
        replace: &site.options.replace,
    };
    carried::restore(&here, &plan.bundle.record, site.reporter)
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
