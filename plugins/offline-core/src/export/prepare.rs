use std::collections::BTreeMap;

use super::options::BuilderChoice;
use super::record_network::RecordingPlan;
use super::warnings::{Carried, warnings};
use super::{Error, ExportOptions, arguments, emulation, outputs};
use crate::closure::{self, Closure, Platform};
use crate::compatibility::{Engine, Obstacle, classic_obstacles};
use crate::diagnosis::{Severity, before_export};
use crate::engine::{Docker, EngineInfo};
use crate::error::Failure;
use crate::event::{Reporter, Task, Warning, Work};
use crate::project::{self, Project};

/// What the classic builder is asked for.
#[derive(Debug, Clone, Default)]
pub struct ClassicPlan {
    /// Every service that is built, with what keeps the classic builder from it.
    pub obstacles: BTreeMap<String, Vec<Obstacle>>,
    /// Whether the export fails on an engine without the classic builder.
    pub required: bool,
}

/// All that is known before anything is changed.
#[derive(Debug)]
pub struct Prepared {
    /// The engine.
    pub engine: EngineInfo,
    /// The platform exported for.
    pub platform: Platform,
    /// The project.
    pub project: Project,
    /// Its closure.
    pub closure: Closure,
    /// What the classic builder will build; `None` where its cache is not carried.
    pub classic: Option<ClassicPlan>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
    /// Steps that the named site would have to run again with a network.
    pub lost_on_site: usize,
    /// Findings that will fail on any site, whatever the bundle holds.
    pub hopeless: usize,
    /// Whether what the builds fetch is recorded.
    pub recording: RecordingPlan,
    /// Where things will be written.
    pub outputs: outputs::Outputs,
}

/// Reads the project and decides; changes nothing.
pub fn prepare(
    docker: &Docker,
    options: &ExportOptions,
    reporter: &dyn Reporter,
) -> Result<Prepared, Failure> {
    let (engine, mut project) = read(docker, options, reporter)?;
    let platform = platform_of(options.platform.as_ref().unwrap_or(&engine.platform))?;
    project.set_arguments(&arguments::given(options));
    if engine.platform.parse().as_ref() != Ok(&platform) {
        emulation::build_for(&mut project, &platform);
    }
    let closure = closure::resolve(&project, &options.services, &platform)?;
    if options.builder.buildkit() {
        check_builder(docker, &closure, &engine)?;
    }
    let made = Engine::from(&engine);
    let classic = classic_plan(&closure, &engine, options.builder);
    let recording = RecordingPlan::decide(docker, &engine, options, &closure);
    let carried = Carried {
        buildkit: options.builder.buildkit(),
        network: recording.records(),
        classic: classic.as_ref(),
    };
    let (mut all, lost_on_site) =
        warnings(&project, &closure, carried, &made, options.site.as_ref());
    let diagnosis = before_export(&project, &closure, recording.records());
    all.extend(diagnosis.warnings());
    all.extend(arguments::warnings(options, &closure));
    let outputs = outputs::choose(&project, &closure, options)?;
    Ok(Prepared {
        engine,
        platform,
        project,
        closure,
        classic,
        warnings: all,
        lost_on_site,
        hopeless: diagnosis.count(Severity::Error),
        recording,
        outputs,
    })
}

/// The engine and the project.
pub(super) fn read(
    docker: &Docker,
    options: &ExportOptions,
    reporter: &dyn Reporter,
) -> Result<(EngineInfo, Project), Failure> {
    let _task = Task::start(reporter, Work::ReadProject, None);
    let (engine, project) = std::thread::scope(|scope| {
        let engine = scope.spawn(|| EngineInfo::read(docker));
        let project = project::read(docker, &options.project);
        (engine.join(), project)
    });
    let project = project?;
    let engine = match engine {
        Ok(engine) => engine?,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    Ok((engine, project))
}

/// Reads a platform.
pub(super) fn platform_of(text: &str) -> Result<Platform, Error> {
    text.parse().map_err(|_| Error::Platform {
        text: text.chars().take(100).collect(),
    })
}

/// Fails where `BuildKit` cannot build these services.
pub(super) fn check_builder(
    docker: &Docker,
    closure: &Closure,
    engine: &EngineInfo,
) -> Result<(), Failure> {
    if !closure.services.iter().any(|s| s.build.is_some()) {
        // Without builds there is nothing that buildx would be needed for.
    } else if engine.buildx.is_none() {
        return Err(crate::engine::Error::BuildxMissing.into());
    } else if is_foreign(closure, engine) {
        emulation::check(closure, &docker.builder_platforms()?)?;
    }
    Ok(())
}

/// Whether a stage is of another platform than the engine.
fn is_foreign(closure: &Closure, engine: &EngineInfo) -> bool {
    let builds = closure.services.iter().filter_map(|s| s.build.as_ref());
    let mut stages = builds.flat_map(|build| &build.stages);
    stages.any(|stage| stage.platform.parse::<Platform>() != engine.platform.parse())
}

fn classic_plan(
    closure: &Closure,
    engine: &EngineInfo,
    builder: BuilderChoice,
) -> Option<ClassicPlan> {
    if !builder.classic() {
        return None;
    }
    let builds = closure
        .services
        .iter()
        .filter_map(|service| Some((service.name.clone(), service.build.as_ref()?)));
    Some(ClassicPlan {
        obstacles: builds
            .map(|(name, build)| (name, classic_obstacles(build, &engine.platform)))
            .collect(),
        required: builder != BuilderChoice::Auto,
    })
}
