use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::containers::{self, CarriedContainer};
use super::contexts::FetchedContexts;
use super::record_network::RecordingPlan;
use super::warnings::{Carried, warnings};
use super::{Error, ExportOptions, arguments, bootstrap, emulation, inputs, outputs, packages};
use crate::carried::{self, Looking, Origin, Planned, Source, Tools};
use crate::closure::{
    self, AbsentInput, BuildClosure, Closure, Platform, absent_inputs, remote_contexts,
};
use crate::compatibility::{Engine, Obstacle, classic_obstacles};
use crate::diagnosis::{Finding, REMOTE_SOURCE, Severity, before_export};
use crate::engine::{Docker, EngineInfo};
use crate::error::Failure;
use crate::event::{Reporter, Task, Warning, Work};
use crate::network::{WantedPackage, wanted_packages};
use crate::project::{self, Project};
use crate::reference::ImageReference;

/// All that is known before anything is changed.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The engine.
    pub engine: EngineInfo,
    /// The platform exported for.
    pub platform: Platform,
    /// The project.
    pub project: Project,
    /// What is carried of it.
    pub closure: Closure,
    /// Its closure, with the services that are left out.
    pub whole: Closure,
    /// The services that no site can build, with the reason; they are not carried.
    pub left_out: BTreeMap<String, String>,
    /// Every service that is built, with what the classic builder does not know of it.
    pub obstacles: BTreeMap<String, Vec<Obstacle>>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
    /// Steps that the named site would have to run again with a network.
    pub lost_on_site: usize,
    /// Findings that will fail on any site, whatever the bundle holds.
    pub hopeless: usize,
    /// What buildx looks at before any cache, and is not here.
    pub absent: Vec<AbsentInput>,
    /// Whether what the builds fetch is recorded.
    pub recording: RecordingPlan,
    /// Packages to be fetched besides.
    pub packages: Vec<WantedPackage>,
    /// Containers that are carried as images.
    pub containers: Vec<CarriedContainer>,
    /// What is carried besides images of registries.
    pub carried: Vec<Planned>,
    /// What could be carried and is not declared, in words.
    pub proposals: Vec<String>,
    /// Contexts that builds fetch, from where the project is built.
    pub contexts: Option<Arc<FetchedContexts>>,
    /// What travels of the project's folder, where that was asked for.
    pub source: Option<Source>,
    /// The docker command's plugins, where those were asked for.
    pub tools: Option<Tools>,
    /// Images that only this engine gives, and why; known once the work begins.
    pub only_here: BTreeMap<ImageReference, String>,
    /// Where things will be written.
    pub outputs: outputs::Outputs,
}

impl Prepared {
    /// Whether a registry has all that the stages of a build use. The image of a sibling is
    /// in none, nor is one that was built by hand.
    pub(super) fn has_registries(&self, build: &BuildClosure) -> bool {
        build.stages.iter().all(|stage| {
            let mut images = stage.images.iter();
            stage.sibling_services.is_empty()
                && !images.any(|image| self.only_here.contains_key(image))
        })
    }
}

/// Reads the project and decides; changes nothing. What builds have as remote contexts is
/// fetched for it, but for a dry run.
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
    let contexts = contexts(docker, &mut project, options, &engine, &platform, reporter)?;
    let mut whole = closure::resolve(&project, &options.services, &platform)?;
    if options.dry_run {
        let named = remote_contexts(&project, &whole);
        whole.name_contexts(named);
    }
    let left_out = left_out(&whole, options);
    let closure = whole.without(&left_out.keys().cloned().collect());
    check_builder(docker, &closure, &engine)?;
    let made = Engine::from(&engine);
    let obstacles = obstacles(&closure, &engine);
    let recording = RecordingPlan::decide(docker, &engine, options, &closure);
    let carried = Carried {
        network: recording.records(),
        obstacles: &obstacles,
    };
    let (mut all, lost_on_site) =
        warnings(&project, &closure, carried, &made, options.site.as_ref());
    let (foreseen, hopeless) = foreseen(&project, &closure, recording.records(), &left_out);
    all.extend(contexts.iter().flat_map(|c| c.warnings.clone()));
    all.extend(left_out.iter().map(fetching));
    all.extend(foreseen);
    all.extend(arguments::warnings(options, &closure));
    let absent = absent_inputs(&project, &closure);
    all.extend(absent.iter().map(inputs::warning));
    all.extend(inputs::left_out(&project, &closure));
    if recording.records() {
        all.extend(inputs::unseen_loopback(&project, &closure));
    }
    let outputs = outputs::choose(&project, &closure, options)?;
    let source = source(&project, &closure, options, &outputs)?;
    all.extend(source.iter().flat_map(|s| s.warnings().to_vec()));
    let tools = tools(docker, options)?;
    let origin = Origin {
        docker,
        platform: &engine.platform,
        project: &project,
        services: &service_names(&closure),
        bundle: &outputs.cache_dir,
        source: source.as_ref(),
        tools: tools.as_ref(),
        reach: &options.reach(),
        reporter,
    };
    let besides = Besides::of(&origin, &closure, options)?;
    all.extend(packages::warnings(&besides.packages, options));
    Ok(Prepared {
        engine,
        platform,
        project,
        closure,
        whole,
        left_out,
        obstacles,
        warnings: all,
        lost_on_site,
        hopeless,
        absent,
        recording,
        packages: besides.packages,
        containers: besides.containers,
        carried: besides.carried,
        proposals: besides.proposals,
        contexts: contexts.map(Arc::new),
        source,
        tools,
        only_here: BTreeMap::new(),
        outputs,
    })
}

/// What is carried besides what builds and services ask for.
struct Besides {
    containers: Vec<CarriedContainer>,
    packages: Vec<WantedPackage>,
    carried: Vec<Planned>,
    proposals: Vec<String>,
}

impl Besides {
    fn of(
        origin: &Origin<'_>,
        closure: &Closure,
        options: &ExportOptions,
    ) -> Result<Self, Failure> {
        let (docker, project) = (origin.docker, origin.project);
        let containers = containers::find(docker, project, closure, &options.containers)?;
        let mut planned: Vec<_> = containers.iter().map(CarriedContainer::planned).collect();
        planned.extend(carried::plan(origin)?);
        let mut proposals = carried::propose(origin)?;
        proposals.extend(containers.iter().flat_map(|one| one.left.clone()));
        Ok(Self {
            containers,
            packages: wanted_packages(project, closure, &options.packages),
            carried: planned,
            proposals,
        })
    }
}

/// What travels of the project's folder, less what the export writes itself.
fn source(
    project: &Project,
    closure: &Closure,
    options: &ExportOptions,
    outputs: &outputs::Outputs,
) -> Result<Option<Source>, Failure> {
    if !options.with_source {
        return Ok(None);
    }
    let mut written = vec![outputs.cache_dir.clone()];
    if let Some(archive) = &outputs.archive {
        written.push(archive.clone());
        let folder = archive.parent().unwrap_or(Path::new("."));
        written.extend(bootstrap::written(folder, &options.binaries));
    }
    let looking = Looking {
        project,
        closure,
        options: &options.project,
        written: &written,
    };
    looking.look().map(Some)
}

/// The docker command's plugins, where those were asked for.
fn tools(docker: &Docker, options: &ExportOptions) -> Result<Option<Tools>, Failure> {
    let asked = options.with_tools.then(|| Tools::find(docker));
    asked.transpose()
}

/// The services of an export.
pub(super) fn service_names(closure: &Closure) -> BTreeSet<String> {
    closure.services.iter().map(|s| s.name.clone()).collect()
}

/// Fetches the contexts that builds fetch.
fn contexts(
    docker: &Docker,
    project: &mut Project,
    options: &ExportOptions,
    engine: &EngineInfo,
    platform: &Platform,
    reporter: &dyn Reporter,
) -> Result<Option<FetchedContexts>, Failure> {
    if options.dry_run || engine.buildx.is_none() {
        return Ok(None);
    }
    let docker = &project.with_secret_variables(docker);
    FetchedContexts::get(docker, project, &options.services, platform, reporter)
}

/// The services to leave out, as long as there are others: one line that no site can
/// build is no reason to carry nothing.
fn left_out(closure: &Closure, options: &ExportOptions) -> BTreeMap<String, String> {
    let found = closure.unbuildable();
    let others = closure
        .services
        .iter()
        .any(|s| !found.contains_key(&s.name));
    if others && !options.force {
        found
    } else {
        BTreeMap::new()
    }
}

fn fetching((service, why): (&String, &String)) -> Warning {
    let why = format!("{why}; BuildKit asks for such a source in every build, cached or not");
    leaving_out(
        service,
        why,
        "put the file or the clone into the build context and COPY it; or fetch it in a RUN step, which is recorded",
    )
}

/// Says that a service is left out, and what to do about it.
pub(super) fn leaving_out(service: &str, why: String, remedy: &str) -> Warning {
    Warning {
        what: format!("service {service} is left out: no site can build it"),
        subject: None,
        why: Some(why),
        remedy: Some(remedy.into()),
    }
}

/// What will go wrong on site, but for what is said of a service that is left out; and how
/// much of it whatever the bundle holds.
fn foreseen(
    project: &Project,
    closure: &Closure,
    records: bool,
    left_out: &BTreeMap<String, String>,
) -> (Vec<Warning>, usize) {
    let diagnosis = before_export(project, closure, records);
    // What a service that is left out fetches is said once, with the service.
    let said = |finding: &&Finding| {
        let of = finding.service.as_ref();
        !(finding.id == REMOTE_SOURCE && of.is_some_and(|s| left_out.contains_key(s)))
    };
    let findings = diagnosis.findings.iter().filter(said);
    let hopeless = findings.filter(|f| f.severity == Severity::Error).count();
    (diagnosis.warnings_of(said), hopeless)
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

fn obstacles(closure: &Closure, engine: &EngineInfo) -> BTreeMap<String, Vec<Obstacle>> {
    let builds = closure
        .services
        .iter()
        .filter_map(|service| Some((service.name.clone(), service.build.as_ref()?)));
    builds
        .map(|(name, build)| (name, classic_obstacles(build, &engine.platform)))
        .collect()
}
