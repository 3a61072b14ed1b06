//! `docker offline build --load-only`: loads and tags all that is carried, builds nothing.
//!
//! The project is taken as Compose runs it: a service that is built is one that runs the
//! finished image of the bundle. No Dockerfile and no build context has to be here.

use std::collections::BTreeSet;
use std::time::Instant;

use super::compose_call::for_old_compose;
use super::fetched::Copies;
use super::image_names;
use super::load::load;
use super::next::{quoted, up};
use super::open::{Bundle, open};
use super::overrides::{Here, overrides};
use super::plan::{Site, parse_platform};
use super::run::restore;
use super::tell_compose::ComposeTold;
use super::{Error, ServiceResult, Summary};
use crate::bundle::{ImageRecord, Record};
use crate::carried;
use crate::closure::{self, Closure, Platform};
use crate::error::Failure;
use crate::project::{BuildContext, Project};

/// Loads what a project runs, under the names that Compose looks for.
pub(super) fn load_only(
    site: &Site<'_>,
    project: &Project,
) -> Result<(Summary, Option<Failure>), Failure> {
    let started = Instant::now();
    let platform = parse_platform(&site.engine.platform)?;
    let services = &site.options.services;
    let run = as_it_runs(project);
    let closure = closure::resolve(&run, services, &platform)?;
    let places = places(site, project, &closure, &platform);
    let bundle = open(
        project,
        &places,
        site.options,
        &platform,
        site.docker,
        site.reporter,
    )?;
    let images = images(project, &closure, &bundle.record);
    if bundle.record.finished.is_empty() {
        check_finished(site, project, &closure)?;
    }
    let loaded = load(
        site.docker,
        site.engine,
        &bundle.layout,
        &images,
        &closure,
        site.reporter,
    )?;
    let mut results = Vec::new();
    for service in &closure.services {
        if let Some(result) = tag(site, project, &service.name)? {
            results.push(result);
        }
    }
    let carried = restore(site, project, &closure, &bundle)?;
    let refused = carried::failure(&carried);
    let mut summary = Summary {
        project: project.name.clone(),
        bundle: bundle.layout.path().to_owned(),
        loaded: loaded.images,
        loaded_bytes: loaded.bytes,
        services: results,
        carried,
        builder: "Nothing is built, as asked for.".into(),
        ..Summary::default()
    };
    tell(site, project, &run, &places, &bundle, &mut summary)?;
    summary.elapsed = started.elapsed();
    Ok((summary, refused))
}

/// A project whose services all run images.
fn as_it_runs(project: &Project) -> Project {
    let mut run = project.clone();
    for service in &mut run.services {
        service.build = None;
    }
    run
}

/// What build contexts there are, so that no bundle is unpacked into one; where the
/// sources of a project are not here, there is none.
fn places(site: &Site<'_>, project: &Project, run: &Closure, platform: &Platform) -> Closure {
    let built = closure::resolve_to_build(project, &site.options.services, platform);
    built.unwrap_or_else(|_| run.clone())
}

/// The images of the bundle by the names that they have here: another folder may have
/// given the project another name.
fn images(project: &Project, closure: &Closure, record: &Record) -> Vec<ImageRecord> {
    let mut images = record.images.clone();
    for service in &closure.services {
        let built = project.service(&service.name);
        let is_built = built.is_some_and(|s| s.build.is_some());
        let mut finished = record.finished.iter();
        let finished = finished.find(|image| image.services.contains(&service.name));
        if let Some(finished) = finished.filter(|_| is_built) {
            images.retain(|image| image.reference != service.image);
            images.push(finished.named(service.image.clone()));
        }
    }
    images
}

/// Says what a bundle without finished images lacks, unless the engine has all.
fn check_finished(site: &Site<'_>, project: &Project, closure: &Closure) -> Result<(), Failure> {
    let built = project.services.iter().filter(|s| s.build.is_some());
    let built = built.filter(|s| closure.service(&s.name).is_some());
    let names: Vec<(String, String)> = built
        .filter_map(|s| Some((s.name.clone(), s.image.as_ref()?.familiar())))
        .collect();
    let wanted: Vec<String> = names.iter().map(|(_, image)| image.clone()).collect();
    let local = site.docker.local_images(&wanted)?;
    let lacking = names.into_iter().filter(|(_, i)| !local.contains_key(i));
    let services: Vec<String> = lacking.map(|(service, _)| service).collect();
    if services.is_empty() {
        return Ok(());
    }
    Err(Error::NotFinished { services }.into())
}

/// Gives the image of a service that is built its other names.
fn tag(
    site: &Site<'_>,
    project: &Project,
    service: &str,
) -> Result<Option<ServiceResult>, Failure> {
    if project.service(service).is_none_or(|s| s.build.is_none()) {
        return Ok(None);
    }
    let names = image_names::of(project, site.engine, service);
    for name in names.iter().skip(1) {
        site.docker.tag(&names[0], name)?;
    }
    Ok(Some(ServiceResult {
        service: service.to_owned(),
        images: names,
        builder: Some("carried".into()),
        ..ServiceResult::default()
    }))
}

/// Tells Compose what it has to know here to run, and says what to type.
fn tell(
    site: &Site<'_>,
    project: &Project,
    run: &Project,
    closure: &Closure,
    bundle: &Bundle,
    summary: &mut Summary,
) -> Result<(), Failure> {
    let copies = Copies::default();
    let here = Here {
        project: run,
        copies: &copies,
        store: site.engine.store,
    };
    let has_compose = site.engine.compose.is_some();
    let mut told = overrides(run, &here, closure, &bundle.record);
    told.without_builds(project, has_compose);
    let compose = ComposeTold {
        project,
        closure,
        asked: site.asked,
        folder: &bundle.site,
    };
    // What a build has found here says more.
    let file = match compose.kept(site.stayed)? {
        Some(kept) => kept,
        None => compose.site(told.text()?.as_deref(), site.stayed)?,
    };
    let old = (!has_compose)
        .then(|| for_old_compose(project, site.options, file.file.as_ref()))
        .transpose()?;
    let line = file.told.as_ref().and_then(|t| t.line.as_deref());
    summary.next = up(site.options, site.asked, line, old.as_deref(), "up -d");
    let folders = missing_folders(project, closure);
    if !has_compose && !folders.is_empty() {
        let folders: Vec<String> = folders.into_iter().collect();
        let folders = folders.join(" ");
        summary.next = format!("mkdir -p {folders} && {}", summary.next);
    }
    summary.override_file = file.told.map(|told| told.file);
    Ok(())
}

/// The build contexts that are not here, which docker-compose 1 wants to see (engine
/// fact 64), as a shell reads them.
fn missing_folders(project: &Project, closure: &Closure) -> BTreeSet<String> {
    let of_closure = |name: &str| closure.service(name).is_some();
    let services = project.services.iter().filter(|s| of_closure(&s.name));
    let contexts = services.filter_map(|s| match &s.build.as_ref()?.context {
        BuildContext::Directory(folder) => Some(folder),
        BuildContext::Remote(_) => None,
    });
    let missing = contexts.filter(|folder| !folder.exists());
    missing
        .map(|folder| quoted(&folder.to_string_lossy()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::bundle::FinishedRecord;
    use crate::layout::Digest;
    use crate::project::from_config;

    #[test]
    fn a_finished_image_goes_by_the_name_that_the_project_has_here() {
        let config = r#"{"name": "there", "services": {
            "api": {"build": {"context": "/none"}}, "db": {"image": "db:1"}}}"#;
        let project = from_config(config, &["/none/compose.yaml".into()]).unwrap();
        let platform = "linux/amd64".parse().unwrap();
        let run = as_it_runs(&project);
        // No Dockerfile is here.
        let closure = closure::resolve(&run, &[], &platform).unwrap();
        let of_api = FinishedRecord {
            reference: "docker.io/library/here-api:latest".into(),
            platform: "linux/amd64".into(),
            services: BTreeSet::from(["api".to_owned()]),
            manifest: Digest::of(b"m"),
            config: Digest::of(b"c"),
            size: 1,
            more: BTreeMap::new(),
        };
        let record = Record {
            finished: vec![of_api],
            ..Record::default()
        };
        let images = images(&project, &closure, &record);
        let names: Vec<&str> = images.iter().map(|i| i.reference.as_str()).collect();
        assert_eq!(names, ["docker.io/library/there-api:latest"]);
        assert_eq!(images[0].manifest, Digest::of(b"m"));
        let folders = missing_folders(&project, &closure);
        assert_eq!(folders, BTreeSet::from(["/none".to_owned()]));
    }
}
