//! What a build is given: its ARGs, its platform, its siblings' triggers.

use super::contexts::Contexts;
use super::source::Source;
use super::stage_graph::{StageGraph, triggers};
use super::{Error, Platform};
use crate::dockerfile::{self, BuildArgs, Instruction, RemoteSource};
use crate::project::{self, BuildTarget, Location, Project, Service};

/// The kind of a context that is fetched.
pub(super) fn remote_kind(url: &str) -> &'static str {
    let is_git = url.starts_with("github.com/") || RemoteSource::of(url) == Some(RemoteSource::Git);
    if is_git {
        "git-context"
    } else {
        "remote-context"
    }
}

/// The platform a service is built for.
pub(super) fn target_platform(
    service: &Service,
    build: &BuildTarget,
    engine: &Platform,
) -> Result<Platform, Error> {
    if let Some(text) = &service.platform {
        return parse_platform(service, text);
    }
    let platforms = build
        .platforms
        .iter()
        .map(|text| parse_platform(service, text))
        .collect::<Result<Vec<_>, _>>()?;
    // One image is run here, even where the project builds several.
    Ok(match platforms.first() {
        Some(first) if !platforms.contains(engine) => first.clone(),
        _ => engine.clone(),
    })
}

pub(super) fn find<'a>(project: &'a Project, name: &str) -> Result<&'a Service, Error> {
    project.service(name).ok_or_else(|| {
        Error::Project(project::Error::UnknownService {
            name: name.to_owned(),
            known: project.services.iter().map(|s| s.name.clone()).collect(),
        })
    })
}

pub(super) fn build_args(
    build: &BuildTarget,
    target_platform: Platform,
    platform: &Platform,
) -> BuildArgs {
    BuildArgs {
        overrides: build
            .args
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.clone()?)))
            .collect(),
        build_platform: platform.clone(),
        target_platform,
        target_stage: build.target.clone(),
    }
}

/// The ONBUILD instructions that a sibling's image carries.
pub(super) fn sibling_triggers(
    project: &Project,
    sibling: &str,
    platform: &Platform,
) -> Result<Vec<Instruction>, Error> {
    let service = find(project, sibling)?;
    let Some(build) = &service.build else {
        return Ok(Vec::new());
    };
    let Some(source) = Source::read(project, sibling, build)? else {
        return Ok(Vec::new());
    };
    let args = build_args(build, platform.clone(), platform);
    let contexts = Contexts::new(&build.additional_contexts);
    let graph = StageGraph::new(&source, sibling, &args, &contexts)?;
    Ok(graph
        .target(build.target.as_deref())
        .map(|target| triggers(&source, target))
        .unwrap_or_default())
}

pub(super) fn parse_platform(service: &Service, text: &str) -> Result<Platform, Error> {
    text.parse()
        .map_err(|_: dockerfile::InvalidPlatform| Error::Platform {
            service: service.name.clone(),
            platform: text.to_owned(),
            location: service
                .location
                .clone()
                .unwrap_or_else(|| Location::new("compose.yaml", None)),
        })
}

pub(super) fn service_location(project: &Project, service: &Service) -> Location {
    let of_build = service.build.as_ref().and_then(|b| b.location.clone());
    of_build
        .or_else(|| service.location.clone())
        .or_else(|| project.files.first().map(|f| Location::new(f, None)))
        .unwrap_or_else(|| Location::new("compose.yaml", None))
}

pub(super) fn target_missing(service: &Service, build: &BuildTarget, source: &Source) -> Error {
    Error::TargetMissing {
        service: service.name.clone(),
        target: build.target.clone().unwrap_or_default(),
        path: source.path.clone(),
        stages: source
            .dockerfile
            .stages
            .iter()
            .filter_map(|s| s.name.clone())
            .collect(),
    }
}
