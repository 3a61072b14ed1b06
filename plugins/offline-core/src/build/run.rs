use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::absent::{self, Foreseen};
use super::adapt::{adapt, notes};
use super::by_classic::ByClassic;
use super::choice::{buildkit, choose};
use super::failed::Failed;
use super::fetched::{self, Copies};
use super::foresight::{Foresight, foresee};
use super::load::load;
use super::next::{after_setup, next_by_us, next_command, next_for_those_built};
use super::open::open;
use super::overrides::{Here, overrides};
use super::placeholders::{self, with_placeholders};
use super::recorded::Recorded;
use super::replay::{Needs, Replayer};
use super::stay::{self, SetUp};
use super::tell_compose::ComposeTold;
use super::version::{self, versioned};
use super::warm::Builder;
use super::{BuildOptions, Error, ServiceResult, Summary};
use crate::bundle::Record;
use crate::closure::{self, AbsentInput, Closure, Platform, Unbundled, absent_inputs};
use crate::engine::{Docker, EngineInfo};
use crate::error::Failure;
use crate::event::{Event, Reporter, Task, Warning, Work};
use crate::export::{inventories, swallows};
use crate::project::{self, MissingEnvFile, Project, ProjectOptions};
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
    // Compose reads what we generated, and our own builds do not.
    let stayed = project::stays(asked)?;
    let options = &BuildOptions {
        project: project::without_generated(&options.project)?,
        ..options.clone()
    };
    let (engine, project) = read(docker, options, reporter)?;
    let docker = &project.with_secret_variables(docker);
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
    let (written, closure) = with_arguments(project, closure, &bundle.record, options, &platform)?;
    let told = ComposeTold {
        project: &written,
        closure: &closure,
        asked,
        bundle: bundle.layout.path(),
    };
    let lacking = absent_inputs(&written, &closure);
    let mut project = as_built_here(&written, &closure, &engine, &lacking, &told)?;
    let fetched_folder = told.folder().join("fetched");
    fetched::lay(
        &mut project,
        &closure,
        &bundle.record,
        &bundle.layout,
        &fetched_folder,
    )?;
    let inventories = inventories(&closure)?;
    let mut foresight = foresee(
        &project,
        &closure,
        &bundle.record,
        &bundle.layout,
        &inventories,
        &engine,
        &Recorded::of(options, &engine, &bundle.record, missing.as_ref()),
    )?;
    let said = absent::say(
        &lacking,
        &Foreseen {
            project: &project,
            closure: &closure,
            record: &bundle.record,
            layout: &bundle.layout,
            inventories: &inventories,
            engine: &engine,
        },
    )?;
    for missing in project::missing_env_files(&options.project) {
        if !written.optional_env_files.contains_key(&missing.service)
            || closure.service(&missing.service).is_none()
        {
            continue;
        }
        reporter.event(Event::Warning(without_env_file(&missing)));
    }
    said.events.into_iter().for_each(|e| reporter.event(e));
    foresight.explain(said.explanations);
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
        from_copies: Vec::new(),
        override_file: None,
        next: String::new(),
        elapsed: started.elapsed(),
    };
    if options.setup {
        summary.next = after_setup(asked, options.classic);
        return Ok((summary, None));
    }
    for note in notes(&written, &project) {
        reporter.event(Event::Note(note));
    }
    let copies = Copies::write(&closure, &bundle.record, &fetched_folder)?;
    let here = Here {
        project: &project,
        copies: &copies,
        store: engine.store,
    };
    let mut overrides = overrides(&written, &here, &closure, &bundle.record);
    let mut site = told.site(overrides.text()?.as_deref(), stayed || options.stay)?;
    let compose = compose_args(&project, options, site.file.as_ref());
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
        for event in replayer.cleaned() {
            reporter.event(event);
        }
        for words in replayer.alike() {
            reporter.event(Event::Note(words));
        }
        // The failure names all that is missing.
        if let Some(warning) = replayer.warning().filter(|_| !failed.lack_a_recording()) {
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
            bundle: bundle.layout.path(),
            told: &told,
            overrides: &overrides,
            variables: &|service| replayer.variables(service),
        })?);
    } else if let Some(replayer) = replayer.as_ref().filter(|_| !stayed) {
        summary.plain_compose_misses.extend(replayer.plain_misses());
    }
    if summary.plain_compose_misses.is_empty() {
        // The file of `--stay` holds what the other one would.
        let stays = summary.stay.as_ref().and_then(|s| s.env_line.as_deref());
        let told = site.told.as_ref().and_then(|t| t.line.as_deref());
        summary.next = next_command(asked, stays.or(told));
        if refused.is_some() || !options.services.is_empty() {
            summary.next = next_for_those_built(&summary.next, &closure, &results);
        }
    } else {
        let has_compose = engine.compose.is_some();
        overrides.without_builds(&written, has_compose);
        site = told.site(overrides.text()?.as_deref(), stayed)?;
        let old = (!has_compose)
            .then(|| for_old_compose(&project, options, site.file.as_ref()))
            .transpose()?;
        let line = site.told.as_ref().and_then(|t| t.line.as_deref());
        summary.next = next_by_us(options, asked, line, old.as_deref(), choice.classic);
    }
    if summary.stay.is_none() && summary.plain_compose_misses.is_empty() {
        summary.from_copies = copies.services();
    }
    summary.override_file = site.told.map(|told| told.file);
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
        let project = project::read_for_builds(docker, &options.project);
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

/// The project as builds have it here: without what goes out for nothing, and with
/// placeholders for what is absent.
fn as_built_here(
    project: &Project,
    closure: &Closure,
    engine: &EngineInfo,
    absent: &[AbsentInput],
    told: &ComposeTold<'_>,
) -> Result<Project, Failure> {
    let folder = told.folder().join("placeholders");
    placeholders::clear(&folder)?;
    let mut here = with_placeholders(project, absent, &folder)?;
    adapt(&mut here, closure, engine.store);
    Ok(here)
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

/// The flags for our own calls of Compose, with the generated file last where one is
/// needed.
fn compose_args(
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
fn for_old_compose(
    project: &Project,
    options: &BuildOptions,
    generated: Option<&PathBuf>,
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
