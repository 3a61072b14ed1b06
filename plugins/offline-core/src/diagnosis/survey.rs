use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::bundle_view::{BundleView, CarriedBundle};
use super::contexts::contexts;
use super::facts::Facts;
use super::machine::{Machine, MachineSources};
use super::report::Report;
use super::rules::{Situation, diagnose};
use super::sources::Sources;
use super::traces::traces;
use crate::closure::Platform;
use crate::engine::{Docker, LocalImage};
use crate::error::Failure;
use crate::event::{Reporter, Task, Work};
use crate::project::{self, ProjectOptions};
use crate::reference::ImageReference;

/// What to look at.
#[derive(Debug, Clone, Default)]
pub struct DiagnoseOptions {
    /// Which project.
    pub project: ProjectOptions,
    /// Services; empty means all.
    pub services: Vec<String>,
    /// The bundle folder or archive; `None` means to look for one.
    pub bundle: Option<PathBuf>,
    /// A bundle folder of the user's own, or where one will be.
    pub cache_dir: Option<PathBuf>,
    /// Where the machine is read from.
    pub machine: MachineSources,
    /// This tool's version.
    pub tool_version: String,
}

/// Looks at machine, engine, bundle and project, and reports. Whatever is
/// missing is a finding and hides no other one; `None` means that there is no
/// `docker` command.
///
/// Fails only when the user interrupts.
pub fn survey(
    docker: Option<&Docker>,
    options: &DiagnoseOptions,
    reporter: &dyn Reporter,
) -> Result<Report, Failure> {
    let task = Task::start(reporter, Work::ReadProject, None);
    let questions = docker.map(|docker| docker.clone().for_questions());
    let docker = questions.as_ref();
    // The project folder is known even where the project cannot be read.
    let folder = project::directory(&options.project)
        .or_else(|_| std::env::current_dir())
        .unwrap_or_else(|_| PathBuf::from("."));
    let bundle = CarriedBundle::find(
        options.bundle.as_deref(),
        options.cache_dir.as_deref(),
        &folder,
        reporter,
    );
    let (facts, project) = std::thread::scope(|scope| {
        let facts = scope.spawn(|| Facts::gather(docker));
        let project = docker.map(|docker| Sources::project_of(docker, &options.project));
        let facts = facts.join().unwrap_or_else(|_| Facts::gather(None));
        (facts, project)
    });
    let platform = platform_of(&facts, bundle.as_ref().ok());
    let carried = bundle.as_ref().map(|b| b.record().build_args.clone());
    let arguments = carried.unwrap_or_default();
    let sources = project.map_or(Sources::Unreadable, |mut project| {
        // What the export was given is part of what the site's builds ask for.
        if let Ok(project) = &mut project {
            project.set_arguments(&arguments);
        }
        Sources::resolve(project, &options.services, &platform)
    });
    let missing_env_files = project::missing_env_files(&options.project);
    let machine = Machine::read(&options.machine);
    drop(task);
    let view = bundle.as_ref().map(|b| b as &dyn BundleView);
    let local = docker
        .filter(|_| facts.engine.is_ok())
        .and_then(|docker| images_of(docker, &sources, view.ok()));
    let view_of = view.ok();
    let traces = traces(&sources, view_of, &facts, local.as_ref());
    let report = diagnose(&Situation {
        facts: &facts,
        bundle: view,
        bundle_named: options.bundle.is_some(),
        unpacked: &unpacked(bundle.as_ref().ok(), options.cache_dir.as_deref(), &folder),
        folder: &folder,
        sources: &sources,
        local: local.as_ref(),
        traces: &traces,
        machine: &machine,
        missing_env_files: &missing_env_files,
        contexts: &sources.closure().map(contexts).unwrap_or_default(),
        tool_version: &options.tool_version,
    });
    if let Some(docker) = docker {
        docker.check_interrupt()?;
    }
    Ok(report)
}

/// The engine's platform; without an engine the bundle's, then this machine's.
pub(super) fn platform_of(facts: &Facts, bundle: Option<&CarriedBundle<'_>>) -> Platform {
    let engine = facts.engine.as_ref().ok();
    let known = [
        engine.map(|engine| engine.info.platform.as_str()),
        bundle.map(|bundle| bundle.record().platform.as_str()),
    ];
    known
        .into_iter()
        .flatten()
        .find_map(|text| text.parse().ok())
        .unwrap_or_else(|| Platform {
            os: "linux".into(),
            architecture: std::env::consts::ARCH.into(),
            variant: None,
        })
}

/// The bundle folder, or where an archive would be unpacked.
fn unpacked(
    bundle: Option<&CarriedBundle<'_>>,
    cache_dir: Option<&Path>,
    project: &Path,
) -> PathBuf {
    match (bundle, cache_dir) {
        (Some(bundle), _) if !bundle.is_archive() => bundle.place().to_owned(),
        (_, Some(folder)) => folder.to_owned(),
        _ => project.join(crate::bundle::DEFAULT_NAME),
    }
}

/// The images asked for that the engine has, by the name under which they are
/// loaded; `None` where the engine does not say.
pub(super) fn images_of(
    docker: &Docker,
    sources: &Sources,
    bundle: Option<&dyn BundleView>,
) -> Option<BTreeMap<String, LocalImage>> {
    let names: Vec<String> = match (sources.closure(), bundle) {
        (Some(closure), _) => closure
            .images
            .iter()
            .map(|image| image.reference.load_name())
            .collect(),
        (None, Some(bundle)) => bundle
            .record()
            .images
            .iter()
            .filter_map(|image| ImageReference::parse(&image.reference).ok())
            .map(|reference| reference.load_name())
            .collect(),
        (None, None) => Vec::new(),
    };
    docker.local_images(&names).ok()
}
