use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::bundle_view::BundleView;
use super::facts::Facts;
use super::rules::{Here, is_here};
use super::sources::Sources;
use super::trace::{Inputs, ServiceTrace, trace};
use crate::bundle::{Contexts, Difference, Inventory, Record};
use crate::closure::BuildClosure;
use crate::compatibility::{Engine, can_watch_builds, misses};
use crate::engine::LocalImage;
use crate::network::Known;
use crate::project::BuildContext;
use crate::reference::ImageReference;

/// Traces every service that the bundle was made for.
pub(super) fn traces(
    sources: &Sources,
    bundle: Option<&dyn BundleView>,
    facts: &Facts,
    local: Option<&BTreeMap<String, LocalImage>>,
) -> Vec<ServiceTrace> {
    let (Sources::Read(project, closure), Some(bundle)) = (sources, bundle) else {
        return Vec::new();
    };
    let record = bundle.record();
    let from = record.maker();
    let to = facts.engine.as_ref().ok().map(|e| Engine::from(&e.info));
    let misses = to
        .as_ref()
        .map(|to| misses(closure, &from, to))
        .unwrap_or_default();
    let known = Known::new(record);
    let known = (known.any() && replays(facts)).then_some(known);
    let other_images = local.map(|l| others(record, l)).unwrap_or_default();
    let mut contexts = Contexts::default();
    let mut traces = Vec::new();
    for service in &closure.services {
        let carried = record.services.iter().find(|s| s.name == service.name);
        let (Some(build), Some(carried)) = (&service.build, carried) else {
            continue;
        };
        let then = carried
            .inventory
            .and_then(|digest| bundle.inventory(&digest));
        let differences: Option<Vec<Difference>> =
            then.and_then(|then| Some(then.compare(&*context_of(&mut contexts, build)?)));
        let own = misses.iter().filter(|m| m.service == service.name);
        let target = project
            .service(&service.name)
            .and_then(|s| s.build.as_ref());
        traces.push(trace(&Inputs {
            service: &service.name,
            build,
            network: target.and_then(|t| t.network.as_deref()),
            carried,
            differences: differences.as_deref(),
            other_images: &other_images,
            misses: &own.cloned().collect::<Vec<_>>(),
            from: &from,
            to: to.as_ref(),
            known,
            unrecorded: record.unrecorded(&service.name),
        }));
    }
    traces
}

/// Whether the builds of this engine reach a proxy here. One that does not answer is
/// not judged.
fn replays(facts: &Facts) -> bool {
    let engine = facts.engine.as_ref();
    engine.map_or(true, |e| {
        e.local && !e.info.rootless && can_watch_builds(e.info.buildx.as_deref())
    })
}

/// What a build's context holds; nothing where it is none on disk or cannot be read.
fn context_of(contexts: &mut Contexts, build: &BuildClosure) -> Option<Arc<Inventory>> {
    let BuildContext::Directory(context) = &build.context else {
        return None;
    };
    contexts.of(context, &build.dockerfile_path).ok()
}

/// The images of which the engine has another one than the bundle.
fn others(record: &Record, local: &BTreeMap<String, LocalImage>) -> BTreeSet<String> {
    let is_other = |image: &&crate::bundle::ImageRecord| {
        ImageReference::parse(&image.reference)
            .is_ok_and(|reference| is_here(&reference, Some(image), local) == Here::Other)
    };
    let images = record.images.iter().filter(is_other);
    images.map(|image| image.reference.clone()).collect()
}
