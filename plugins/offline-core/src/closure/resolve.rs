use std::collections::{BTreeMap, BTreeSet};

use super::contexts::Contexts;
use super::needs::Needs;
use super::siblings::Siblings;
use super::source::Source;
use super::stage_graph::{StageGraph, triggers};
use super::stages::Walker;
use super::{BuildClosure, Closure, Error, Platform, Role, ServiceClosure, Unbundled, cycles};
use crate::dockerfile::{self, BuildArgs, Instruction, RemoteSource, with_named_stages};
use crate::project::{self, BuildContext, BuildTarget, Location, NamedContext, Project, Service};
use crate::reference::ImageReference;

/// Finds everything that building and running these services asks for.
///
/// No name means every active service. Services that a chosen one depends on or
/// is built upon are added. `platform` is that of the engine: it builds, and it
/// is built for where a service names no other.
pub fn resolve(
    project: &Project,
    services: &[String],
    platform: &Platform,
) -> Result<Closure, Error> {
    let mut resolver = Resolver {
        project,
        platform,
        siblings: Siblings::of(project),
        needs: Needs::default(),
        waiting: Vec::new(),
    };
    if services.is_empty() {
        let all = project.services.iter().map(|s| s.name.clone());
        resolver.waiting.extend(all);
    } else {
        resolver.waiting.extend(services.iter().cloned());
    }
    let mut done: BTreeMap<String, ServiceClosure> = BTreeMap::new();
    while let Some(name) = resolver.waiting.pop() {
        if done.contains_key(&name) {
            continue;
        }
        let closure = resolver.service(&name)?;
        done.insert(name, closure);
    }
    let services: Vec<ServiceClosure> = done.into_values().collect();
    cycles::check(&services)?;
    let (images, unbundled) = resolver.needs.into_parts();
    Ok(Closure {
        services,
        images,
        unbundled,
        hidden: project.hidden.clone(),
    })
}

/// The kind of a context that is fetched.
pub(super) fn remote_kind(url: &str) -> &'static str {
    let is_git = url.starts_with("github.com/") || RemoteSource::of(url) == Some(RemoteSource::Git);
    if is_git {
        "git-context"
    } else {
        "remote-context"
    }
}

struct Resolver<'a> {
    project: &'a Project,
    platform: &'a Platform,
    siblings: Siblings<'a>,
    needs: Needs,
    waiting: Vec<String>,
}

impl<'a> Resolver<'a> {
    fn service(&mut self, name: &str) -> Result<ServiceClosure, Error> {
        let service = find(self.project, name)?;
        self.waiting.extend(service.depends_on.iter().cloned());
        let build = match &service.build {
            Some(build) => Some(self.build(service, build)?),
            None => {
                if let Some(image) = &service.image {
                    self.run_image(service, image)?;
                }
                None
            }
        };
        for image in &service.image_volumes {
            self.run_image(service, image)?;
        }
        Ok(ServiceClosure {
            name: name.to_owned(),
            image: service
                .image
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            build,
        })
    }

    fn run_image(&mut self, service: &Service, image: &ImageReference) -> Result<(), Error> {
        if let Some(builder) = self.siblings.builder(image, &service.name) {
            self.waiting.push(builder.to_owned());
            return Ok(());
        }
        let platform = match &service.platform {
            Some(text) => parse_platform(service, text)?,
            None => self.platform.clone(),
        };
        let platform = platform.to_string();
        self.needs
            .image(image, &platform, Role::Service, &service.name);
        Ok(())
    }

    fn build(
        &mut self,
        service: &'a Service,
        build: &'a BuildTarget,
    ) -> Result<BuildClosure, Error> {
        let target_platform = self.target_platform(service, build)?;
        // Contexts that are services are built even if no stage uses them.
        for context in build.additional_contexts.values() {
            if let NamedContext::Service(name) = context {
                self.waiting.push(name.clone());
            }
        }
        let mut closure = BuildClosure {
            context: build.context.clone(),
            dockerfile: build.dockerfile.clone(),
            dockerfile_path: self.compose_location(service).file,
            line_offset: 0,
            target: build.target.clone(),
            platform: target_platform.to_string(),
            stages: Vec::new(),
            target_stage: 0,
            named_dockerfile: String::new(),
            syntax: None,
        };
        if let BuildContext::Remote(url) = &build.context {
            let location = self.compose_location(service);
            self.needs.unbundled(Unbundled {
                kind: remote_kind(url),
                what: url.clone(),
                service: service.name.clone(),
                file: location.file,
                line: location.line,
            });
        }
        let Some(source) = Source::read(self.project, &service.name, build)? else {
            return Ok(closure);
        };
        let args = self.args(build, target_platform);
        let contexts = Contexts::new(&build.additional_contexts);
        let graph = StageGraph::new(&source, &service.name, &args, &contexts)?;
        let target = graph
            .target(build.target.as_deref())
            .ok_or_else(|| target_missing(service, build, &source))?;
        let (named, names) = with_named_stages(&source.text, &source.dockerfile);
        closure.syntax = self.frontend(service, &source, &args)?;
        let (project, platform) = (self.project, self.platform);
        let triggers_of = |sibling: &str| sibling_triggers(project, sibling, platform);
        let mut walker = Walker {
            service: &service.name,
            source: &source,
            args: &args,
            contexts: &contexts,
            graph: &graph,
            siblings: &self.siblings,
            names: &names,
            triggers_of: &triggers_of,
            needs: &mut self.needs,
        };
        closure.stages = walker.walk(target)?;
        closure.target_stage = target;
        closure.named_dockerfile = named;
        closure.line_offset = source.line_offset;
        closure.dockerfile_path = source.path;
        let used: BTreeSet<&String> = closure
            .stages
            .iter()
            .flat_map(|s| &s.sibling_services)
            .collect();
        self.waiting.extend(used.into_iter().cloned());
        Ok(closure)
    }

    fn args(&self, build: &BuildTarget, target_platform: Platform) -> BuildArgs {
        build_args(build, target_platform, self.platform)
    }

    fn frontend(
        &mut self,
        service: &Service,
        source: &Source,
        args: &BuildArgs,
    ) -> Result<Option<ImageReference>, Error> {
        let from_args = args
            .overrides
            .get("BUILDKIT_SYNTAX")
            .map(|s| (s.clone(), 1));
        let Some((text, line)) = from_args.or_else(|| source.dockerfile.syntax.clone()) else {
            return Ok(None);
        };
        let image = ImageReference::parse(&text).map_err(|error| Error::Reference {
            service: service.name.clone(),
            what: "# syntax".into(),
            location: source.location(line),
            source: error,
        })?;
        let platform = self.platform.to_string();
        self.needs
            .image(&image, &platform, Role::Frontend, &service.name);
        Ok(Some(image))
    }

    fn target_platform(&self, service: &Service, build: &BuildTarget) -> Result<Platform, Error> {
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
            Some(first) if !platforms.contains(self.platform) => first.clone(),
            _ => self.platform.clone(),
        })
    }

    fn compose_location(&self, service: &Service) -> Location {
        service_location(self.project, service)
    }
}

fn find<'a>(project: &'a Project, name: &str) -> Result<&'a Service, Error> {
    project.service(name).ok_or_else(|| {
        Error::Project(project::Error::UnknownService {
            name: name.to_owned(),
            known: project.services.iter().map(|s| s.name.clone()).collect(),
        })
    })
}

fn build_args(build: &BuildTarget, target_platform: Platform, platform: &Platform) -> BuildArgs {
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
fn sibling_triggers(
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

fn parse_platform(service: &Service, text: &str) -> Result<Platform, Error> {
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

fn service_location(project: &Project, service: &Service) -> Location {
    let of_build = service.build.as_ref().and_then(|b| b.location.clone());
    of_build
        .or_else(|| service.location.clone())
        .or_else(|| project.files.first().map(|f| Location::new(f, None)))
        .unwrap_or_else(|| Location::new("compose.yaml", None))
}

fn target_missing(service: &Service, build: &BuildTarget, source: &Source) -> Error {
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
