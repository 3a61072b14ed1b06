use std::collections::{BTreeMap, BTreeSet};

use super::at_start;
use super::contexts::Contexts;
use super::inputs::{
    build_args, find, parse_platform, remote_kind, service_location, sibling_triggers,
    target_missing, target_platform,
};
use super::needs::Needs;
use super::siblings::Siblings;
use super::source::Source;
use super::stage_graph::StageGraph;
use super::stages::Walker;
use super::{BuildClosure, Closure, Error, Platform, Role, ServiceClosure, Unbundled, cycles};
use crate::dockerfile::{BuildArgs, with_carried_adds, with_named_stages};
use crate::project::{BuildContext, BuildTarget, NamedContext, Project, Service};
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
    find_all(project, services, platform, true)
}

/// The same for building these services and no others: a service that a chosen
/// one depends on only when it runs is left out where it is built itself, as
/// `docker compose build SERVICE` leaves it out.
pub fn resolve_to_build(
    project: &Project,
    services: &[String],
    platform: &Platform,
) -> Result<Closure, Error> {
    find_all(project, services, platform, services.is_empty())
}

fn find_all(
    project: &Project,
    services: &[String],
    platform: &Platform,
    builds_dependencies: bool,
) -> Result<Closure, Error> {
    let mut resolver = Resolver {
        project,
        platform,
        builds_dependencies,
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
    for (image, service) in project.offline.named_images() {
        let built = resolver.siblings.builder(image, "").is_some();
        if !built && service.is_none_or(|service| done.contains_key(service)) {
            let platform = platform.to_string();
            resolver.needs.image(image, &platform, Role::Named, service);
        }
    }
    let services: Vec<ServiceClosure> = done.into_values().collect();
    cycles::check(&services)?;
    let (images, unbundled, fetched) = resolver.needs.into_parts();
    Ok(Closure {
        services,
        images,
        unbundled,
        fetched,
        contexts: Vec::new(),
        hidden: project.hidden.clone(),
    })
}

struct Resolver<'a> {
    project: &'a Project,
    platform: &'a Platform,
    builds_dependencies: bool,
    siblings: Siblings<'a>,
    needs: Needs,
    waiting: Vec<String>,
}

impl<'a> Resolver<'a> {
    fn service(&mut self, name: &str) -> Result<ServiceClosure, Error> {
        let service = find(self.project, name)?;
        for name in &service.depends_on {
            let built = || {
                self.project
                    .service(name)
                    .is_some_and(|s| s.build.is_some())
            };
            if self.builds_dependencies || !built() {
                self.waiting.push(name.clone());
            }
        }
        let build = service
            .build
            .as_ref()
            .map(|build| self.build(service, build))
            .transpose()?;
        if let (None, Some(image)) = (&build, &service.image) {
            self.run_image(service, image)?;
        }
        for image in &service.image_volumes {
            self.run_image(service, image)?;
        }
        for found in at_start::find(self.project, service, build.as_ref()) {
            self.needs.unbundled(found);
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
            .image(image, &platform, Role::Service, Some(&service.name));
        Ok(())
    }

    fn build(
        &mut self,
        service: &'a Service,
        build: &'a BuildTarget,
    ) -> Result<BuildClosure, Error> {
        let target_platform = target_platform(service, build, self.platform)?;
        // Contexts that are services are built even if no stage uses them.
        for context in build.additional_contexts.values() {
            if let NamedContext::Service(name) = context {
                self.waiting.push(name.clone());
            }
        }
        let mut closure = self.begun(service, build, target_platform.to_string());
        let Some(source) = Source::read(self.project, &service.name, build)? else {
            return Ok(closure);
        };
        let args = build_args(build, target_platform, self.platform);
        let contexts = Contexts::new(&build.additional_contexts);
        let graph = StageGraph::new(&source, &service.name, &args, &contexts)?;
        let target = graph
            .target(build.target.as_deref())
            .ok_or_else(|| target_missing(service, build, &source))?;
        let (renamed, names) = with_named_stages(&source.text, &source.dockerfile);
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
            carried_adds: BTreeMap::new(),
        };
        closure.stages = walker.walk(target)?;
        closure.target_stage = target;
        closure.named_dockerfile = match &walker.carried_adds {
            none if none.is_empty() => renamed,
            adds => with_carried_adds(&renamed, &source.dockerfile, |line, _| {
                adds.get(&line).cloned()
            }),
        };
        closure
            .not_understood
            .clone_from(&source.dockerfile.not_understood);
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

    /// A build whose Dockerfile was not read yet; a context that is fetched is a need of
    /// its own.
    fn begun(&mut self, service: &Service, build: &BuildTarget, platform: String) -> BuildClosure {
        let location = service_location(self.project, service);
        let mut closure = BuildClosure {
            context: build.context.clone(),
            dockerfile: build.dockerfile.clone(),
            dockerfile_path: location.file.clone(),
            line_offset: 0,
            target: build.target.clone(),
            platform,
            stages: Vec::new(),
            target_stage: 0,
            named_dockerfile: String::new(),
            not_understood: Vec::new(),
            syntax: None,
        };
        if let BuildContext::Remote(url) = &build.context {
            closure.line_offset = location.line.unwrap_or(1) - 1;
            self.needs.unbundled(Unbundled {
                kind: remote_kind(url),
                what: url.clone(),
                service: service.name.clone(),
                file: location.file,
                line: location.line,
            });
        }
        closure
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
            .image(&image, &platform, Role::Frontend, Some(&service.name));
        Ok(Some(image))
    }
}
