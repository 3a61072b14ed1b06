use std::ffi::OsString;
use std::time::Instant;

use super::foresight::{Foresight, foresee};
use super::load::load;
use super::open::open;
use super::overrides::{Overrides, overrides};
use super::warm::Builder;
use super::{BuildOptions, Error, ServiceResult, Summary};
use crate::closure::{self, Closure, Platform};
use crate::engine::{self, Docker, EngineInfo};
use crate::error::Failure;
use crate::event::{Event, Reporter, Task, Work};
use crate::export::{beside, swallows};
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
    let (engine, project) = read(docker, options, reporter)?;
    if let Some(warning) = project.reading_warning() {
        reporter.event(Event::Warning(warning));
    }
    check_tools(docker, &engine)?;
    let platform = parse_platform(&engine.platform)?;
    let closure = closure::resolve_to_build(&project, &options.services, &platform)?;
    let bundle = open(&project, &closure, options, &platform, reporter)?;
    let foresight = foresee(&project, &closure, &bundle.record, &bundle.layout, &engine)?;
    for warning in &foresight.warnings {
        reporter.event(Event::Warning(warning.clone()));
    }
    let overrides = overrides(&project, &closure, &engine);
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
        override_file: None,
        next: String::new(),
        elapsed: started.elapsed(),
    };
    if options.setup {
        summary.next = after_setup(&options.project);
        return Ok((summary, None));
    }
    let (compose, override_file) = compose_args(&project, &closure, options, &overrides)?;
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
        reporter,
    };
    let mut results = builder.build()?.results(&closure);
    finish(docker, &project, options, &foresight, &mut results)?;
    let refused = refusals(&results);
    summary.next = next_command(&compose, override_file.is_some(), &options.project);
    if refused.is_some() || !options.services.is_empty() {
        summary.next = next_for_those_built(&summary.next, &closure, &results);
    }
    summary.override_file = override_file;
    summary.services = results;
    summary.elapsed = started.elapsed();
    Ok((summary, refused))
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

/// Fails early, in words, where the tools cannot do what comes later.
fn check_tools(docker: &Docker, engine: &EngineInfo) -> Result<(), Failure> {
    if engine.buildx.is_none() {
        return Err(engine::Error::BuildxMissing.into());
    }
    if engine.compose.is_none() {
        return Err(engine::Error::ComposeMissing.into());
    }
    let (name, driver) = docker.active_builder()?;
    if driver != "docker" {
        return Err(Error::Driver { name, driver }.into());
    }
    Ok(())
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

/// Sets the version's tag, and says what was refused.
fn finish(
    docker: &Docker,
    project: &Project,
    options: &BuildOptions,
    foresight: &Foresight,
    results: &mut [ServiceResult],
) -> Result<(), Failure> {
    for result in results {
        if !options.force
            && let Some(reason) = foresight.refused.get(&result.service)
        {
            result.refused = Some(reason.clone());
            result.images.clear();
            continue;
        }
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

fn versioned(
    image: &ImageReference,
    version: &str,
) -> Result<ImageReference, crate::reference::InvalidReference> {
    ImageReference::parse(&format!(
        "{}/{}:{version}",
        image.registry(),
        image.repository()
    ))
}

fn refusals(results: &[ServiceResult]) -> Option<Failure> {
    let services: Vec<String> = results
        .iter()
        .filter_map(|r| Some(format!("{} ({})", r.service, r.refused.as_ref()?)))
        .collect();
    let all = services.len() == results.len();
    (!services.is_empty()).then(|| Error::Refused { services, all }.into())
}

/// Plain Compose would run the network steps of services that were refused, or
/// not asked for and not warmed: name the others.
fn next_for_those_built(command: &str, closure: &Closure, results: &[ServiceResult]) -> String {
    let refused = |name: &str| {
        results
            .iter()
            .any(|r| r.service == name && r.refused.is_some())
    };
    if results.iter().all(|r| r.refused.is_some()) {
        return String::new();
    }
    let names = closure.services.iter().map(|s| s.name.as_str());
    let others: Vec<&str> = names.filter(|name| !refused(name)).collect();
    format!("{command} --no-deps {}", others.join(" "))
}

/// What to type from now on.
fn next_command(compose: &[OsString], generated: bool, flags: &ProjectOptions) -> String {
    let own = *flags == ProjectOptions::default();
    let words: Vec<String> = if own && !generated {
        vec!["compose".into()]
    } else {
        compose
            .iter()
            .map(|w| quoted(&w.to_string_lossy()))
            .collect()
    };
    format!("docker {} up -d --build", words.join(" "))
}

/// The images are loaded: the same project, without `--setup`.
fn after_setup(flags: &ProjectOptions) -> String {
    let words = flags.compose_args();
    let flags = words.iter().skip(1);
    flags.fold("docker offline build".to_owned(), |command, word| {
        format!("{command} {}", quoted(&word.to_string_lossy()))
    })
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:,@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_command_is_plain_compose_where_it_can_be() {
        let plain = ProjectOptions::default();
        assert_eq!(
            next_command(&plain.compose_args(), false, &plain),
            "docker compose up -d --build"
        );
        let flags = ProjectOptions {
            files: vec!["a b.yaml".into()],
            ..ProjectOptions::default()
        };
        assert_eq!(
            next_command(&flags.compose_args(), false, &flags),
            "docker compose -f 'a b.yaml' up -d --build"
        );
        assert_eq!(after_setup(&plain), "docker offline build");
        assert_eq!(after_setup(&flags), "docker offline build -f 'a b.yaml'");
    }

    #[test]
    fn a_version_takes_the_place_of_the_tag() {
        let image = ImageReference::parse("shop/api:latest").unwrap();
        assert_eq!(
            versioned(&image, "v1.0.0").unwrap().familiar(),
            "shop/api:v1.0.0"
        );
        assert!(versioned(&image, "v 1").is_err());
    }
}
