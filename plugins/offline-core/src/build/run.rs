use std::ffi::OsString;
use std::path::Path;
use std::time::Instant;

use super::by_classic::ByClassic;
use super::choice::{buildkit, choose};
use super::failed::Failed;
use super::foresight::{Foresight, foresee};
use super::load::load;
use super::next::{after_setup, next_by_us, next_command, next_for_those_built};
use super::open::open;
use super::overrides::{Overrides, overrides};
use super::recorded::Recorded;
use super::replay::{Needs, Replayer};
use super::stay::{self, SetUp};
use super::version::{self, versioned};
use super::warm::Builder;
use super::{BuildOptions, Error, ServiceResult, Summary};
use crate::bundle::Record;
use crate::closure::{self, Closure, Platform, Unbundled};
use crate::engine::{Docker, EngineInfo};
use crate::error::Failure;
use crate::event::{Event, Reporter, Task, Warning, Work};
use crate::export::{beside, inventories, swallows};
use crate::project::{self, Project, ProjectOptions};
use crate::reference::ImageReference;

/// Loads, warms, builds and tags. The summary comes back also when some
/// services were refused; the failure then says which.
pub fn run(
    docker: &Docker,
    options: &BuildOptions,
    reporter: &dyn Reporter,
) -> Result<(Summary, Option<Failure>), Failure> {
    let started = Instant::now();
    let asked = &options.project;
    // Compose reads what `--stay` generated, and our own builds do not.
    let options = &BuildOptions {
        project: project::without_generated(&options.project)?,
        ..options.clone()
    };
    let stayed = options.project != *asked;
    let (engine, project) = read(docker, options, reporter)?;
    if let Some(warning) = project.reading_warning() {
        reporter.event(Event::Warning(warning));
    }
    let missing = buildkit(docker, &engine)?;
    let platform = parse_platform(&engine.platform)?;
    let closure = closure::resolve_to_build(&project, &options.services, &platform)?;
    if let Some(version) = &options.version {
        version::check(&project, &closure, version)?;
    }
    if let Some(warning) = options.wanted.as_ref().and_then(|p| swallowed(&closure, p)) {
        reporter.event(Event::Warning(warning));
    }
    let bundle = match open(&project, &closure, options, &platform, reporter) {
        Ok(bundle) => bundle,
        // What the engine lacks is said first: no bundle is the answer to it.
        Err(error) if options.classic => return Err(error),
        Err(error) => return Err(missing.map_or(error, |m| m.failure)),
    };
    if bundle.grown && stayed && !options.stay {
        reporter.event(Event::Note(
            "The replay service that stays does not know of it yet: run docker offline build --stay again.".into(),
        ));
    }
    let (project, closure) = with_arguments(project, closure, &bundle.record, options, &platform)?;
    let inventories = inventories(&closure)?;
    let foresight = foresee(
        &project,
        &closure,
        &bundle.record,
        &bundle.layout,
        &inventories,
        &engine,
        &Recorded::of(options, &engine, &bundle.record, missing.as_ref()),
    )?;
    let no_buildkit = missing.as_ref().map(|m| m.why.clone());
    let choice = choose(
        options,
        missing,
        &bundle.record,
        &closure,
        &foresight,
        &engine,
    )?;
    reporter.event(Event::Note(choice.words.clone()));
    let of_buildkit = foresight.misses.iter().map(|(_, warning)| warning);
    for warning in foresight
        .warnings
        .iter()
        .chain(of_buildkit.filter(|_| !choice.classic))
    {
        reporter.event(Event::Warning(warning.clone()));
    }
    let loaded = load(
        docker,
        &engine,
        &bundle.layout,
        &bundle.record,
        &closure,
        reporter,
    )?;
    docker.check_interrupt()?;
    let mut summary = Summary {
        project: project.name.clone(),
        bundle: bundle.layout.path().to_owned(),
        loaded: loaded.images,
        loaded_bytes: loaded.bytes,
        setup_only: options.setup,
        services: Vec::new(),
        builder: choice.words,
        plain_compose_misses: Vec::new(),
        network: None,
        stay: None,
        at_start: at_start(&closure),
        override_file: None,
        next: String::new(),
        elapsed: started.elapsed(),
    };
    if options.setup {
        summary.next = after_setup(&options.project, options.classic);
        return Ok((summary, None));
    }
    let mut overrides = overrides(&project, &closure, &bundle.record, &engine);
    let (compose, mut override_file) = compose_args(&project, &closure, options, &overrides)?;
    let replayer = Replayer::new(&Needs {
        docker,
        engine: &engine,
        project: &project,
        closure: &closure,
        record: &bundle.record,
        layout: &bundle.layout,
        reporter,
        wanted: options.wanted.as_deref(),
        inventories: &inventories,
    });
    let failed = Failed::default();
    let builder = Builder {
        docker,
        project: &project,
        closure: &closure,
        layout: &bundle.layout,
        record: &bundle.record,
        foresight: &foresight,
        pins: &overrides.pins,
        compose: &compose,
        force: options.force,
        failed: &failed,
        reporter,
        replay: replayer.as_ref(),
        stay: options.stay,
        store: engine.store,
        engine_root: &engine.root,
        compose_version: engine.compose.as_deref(),
    };
    let mut results = if choice.classic {
        let built = ByClassic {
            builder,
            engine: &engine,
            inventories: &inventories,
            no_buildkit,
        }
        .build()?;
        summary.loaded += built.loaded.0;
        summary.loaded_bytes += built.loaded.1;
        summary.plain_compose_misses = built.misses;
        built.results
    } else {
        let built = builder.build();
        if let (Some(replayer), Some(file)) = (&replayer, &options.wanted) {
            replayer.write_wanted(file, &inventories)?;
        }
        let mut results = built?.results(&closure);
        if let Some(replayer) = &replayer {
            replayer.remember();
        }
        refuse(&mut results, options, &foresight);
        results
    };
    if let Some(replayer) = &replayer {
        summary.network = replayer.summary();
        for result in &mut results {
            result.replayed = replayer.replayed(&result.service);
        }
        for words in replayer.alike() {
            reporter.event(Event::Note(words));
        }
        if let Some(warning) = replayer.warning() {
            reporter.event(Event::Warning(warning));
        }
    }
    let refused = refusals(&results, choice.classic);
    let merge = |failure| match &replayer {
        Some(replayer) => replayer.with_all_misses(failure),
        None => failure,
    };
    let failure = failed.into_failure(&mut results, &merge);
    let nothing = results.iter().all(|r| r.refused.is_some());
    let refused = match failure {
        Some(failure) if nothing => return Err(failure),
        Some(failure) => Some(failure),
        None => refused,
    };
    finish(docker, &project, options, &mut results)?;
    if options.stay {
        let Some(replayer) = replayer.as_ref().filter(|_| !choice.classic) else {
            return Err(stay::Error::NothingRecorded.into());
        };
        summary.stay = Some(stay::set_up(&SetUp {
            docker,
            engine: &engine,
            project: &project,
            closure: &closure,
            options: &options.project,
            bundle: bundle.layout.path(),
            overrides: &overrides,
            variables: &|service| replayer.variables(service),
        })?);
    } else if let Some(replayer) = replayer.as_ref().filter(|_| !stayed) {
        summary.plain_compose_misses.extend(replayer.plain_misses());
    }
    if summary.plain_compose_misses.is_empty() {
        // The file of `--stay` holds what the other one would.
        let stays = stayed || summary.stay.is_some();
        let generated = override_file.is_some() && !stays;
        summary.next = if stays {
            next_command(&asked.compose_args(), false, asked)
        } else {
            next_command(&compose, generated, &options.project)
        };
        if refused.is_some() || !options.services.is_empty() {
            summary.next = next_for_those_built(&summary.next, &closure, &results);
        }
    } else {
        overrides.without_builds(&project);
        let (mut compose, file) = compose_args(&project, &closure, options, &overrides)?;
        override_file = file;
        let has_compose = engine.compose.is_some();
        if !has_compose {
            compose = for_old_compose(&project, options, override_file.as_ref())?;
        }
        let own = !has_compose || override_file.is_some();
        summary.next = next_by_us(&compose, own, options, has_compose, choice.classic);
    }
    summary.override_file = override_file;
    summary.services = results;
    summary.elapsed = started.elapsed();
    Ok((summary, refused))
}

/// What the services ask for once they start.
fn at_start(closure: &Closure) -> Vec<Unbundled> {
    let asked = closure.unbundled.iter().filter(|one| one.is_at_start());
    asked.cloned().collect()
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

fn read(
    docker: &Docker,
    options: &BuildOptions,
    reporter: &dyn Reporter,
) -> Result<(EngineInfo, Project), Failure> {
    let _task = Task::start(reporter, Work::ReadProject, None);
    std::thread::scope(|scope| {
        let engine = scope.spawn(|| EngineInfo::read(docker));
        let project = project::read(docker, &options.project);
        let engine = match engine.join() {
            Ok(engine) => engine,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        Ok((engine?, project?))
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

fn parse_platform(text: &str) -> Result<Platform, Failure> {
    Ok(text.parse().map_err(|_| crate::export::Error::Platform {
        text: text.to_owned(),
    })?)
}

/// The flags for Compose, with the generated file last where one is needed.
fn compose_args(
    project: &Project,
    closure: &Closure,
    options: &BuildOptions,
    overrides: &Overrides,
) -> Result<(Vec<OsString>, Option<std::path::PathBuf>), Failure> {
    let usual = project.directory.join(super::overrides::FILE);
    let folder = match swallows(closure, &usual) {
        Some(_) => beside(&project.directory),
        None => project.directory.clone(),
    };
    let override_file = overrides.write(&folder)?;
    let mut flags: ProjectOptions = options.project.clone();
    if let Some(file) = &override_file {
        flags.files.clone_from(&project.files);
        flags.files.push(file.clone());
    }
    Ok((flags.compose_args(), override_file))
}

/// The flags for docker-compose 1: all is named, as it looks for other files.
fn for_old_compose(
    project: &Project,
    options: &BuildOptions,
    generated: Option<&std::path::PathBuf>,
) -> Result<Vec<OsString>, Failure> {
    let mut files = super::old_compose::files(&project.files)?;
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

/// Says what was refused; it has no image of this build.
fn refuse(results: &mut [ServiceResult], options: &BuildOptions, foresight: &Foresight) {
    for result in results {
        if !options.force
            && let Some(reason) = foresight.refused.get(&result.service)
        {
            result.refused = Some(reason.clone());
            result.images.clear();
        }
    }
}

/// Sets the version's tag.
fn finish(
    docker: &Docker,
    project: &Project,
    options: &BuildOptions,
    results: &mut [ServiceResult],
) -> Result<(), Failure> {
    for result in results.iter_mut().filter(|r| r.refused.is_none()) {
        let service = project.service(&result.service);
        if let Some(build) = service.and_then(|s| s.build.as_ref()) {
            result.images.extend(build.tags.iter().cloned());
        }
        if let Some(version) = &options.version
            && let Some(image) = service.and_then(|s| s.image.as_ref())
        {
            let tagged = versioned(image, version)?;
            docker.tag(&image.familiar(), &tagged.familiar())?;
            result.images.push(tagged.to_string());
        }
        for image in &mut result.images {
            if let Ok(reference) = ImageReference::parse(image) {
                *image = reference.familiar();
            }
        }
    }
    Ok(())
}

fn refusals(results: &[ServiceResult], classic: bool) -> Option<Failure> {
    let services: Vec<String> = results
        .iter()
        .filter_map(|r| Some(format!("{} ({})", r.service, r.refused.as_ref()?)))
        .collect();
    let all = services.len() == results.len();
    (!services.is_empty()).then(|| {
        Error::Refused {
            services,
            all,
            classic,
        }
        .into()
    })
}
