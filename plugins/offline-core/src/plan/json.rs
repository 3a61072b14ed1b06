use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::carried::Planned;
use crate::closure::{
    BuildClosure, Closure, FetchedSource, NeededImage, RemoteContext, RunStep, ServiceClosure,
    StageBase, StageClosure,
};
use crate::network::WantedPackage;
use crate::project::BuildContext;

/// What an export would carry, for machines.
///
/// References are fully normalised; services, images and what is not bundled
/// are sorted, so that two runs on one project print the same bytes.
pub fn export_json(
    closure: &Closure,
    carried: &[Planned],
    packages: &[WantedPackage],
    finished: bool,
) -> Value {
    json!({
        "services": closure.services.iter().map(service).collect::<Vec<_>>(),
        "images": closure.images.iter().map(image).collect::<Vec<_>>(),
        "fetched": closure.fetched.iter().map(fetched).collect::<Vec<_>>(),
        "contexts": closure.contexts.iter().map(context).collect::<Vec<_>>(),
        "carried": carried,
        "packages": packages,
        "finished": finished_images(closure, finished),
        "unbundled": closure.unbundled,
        "hidden": closure.hidden,
    })
}

/// The names of the finished images that are carried.
pub(super) fn finished_images(closure: &Closure, finished: bool) -> BTreeSet<&str> {
    let built = closure.services.iter().filter(|s| s.build.is_some());
    let names = built.map(|service| service.image.as_str());
    names.filter(|_| finished).collect()
}

fn fetched(one: &FetchedSource) -> Value {
    json!({
        "what": one.shown(),
        "name": one.name,
        "service": one.service,
        "file": one.file,
        "line": one.line,
    })
}

fn context(one: &RemoteContext) -> Value {
    json!({
        "what": one.shown(),
        "name": one.name,
        "service": one.service,
        "file": one.file,
        "line": one.line,
    })
}

fn service(service: &ServiceClosure) -> Value {
    json!({
        "name": service.name,
        "image": (!service.image.is_empty()).then_some(&service.image),
        "build": service.build.as_ref().map(build),
    })
}

fn build(build: &BuildClosure) -> Value {
    let context = match &build.context {
        BuildContext::Directory(path) => path.display().to_string(),
        BuildContext::Remote(url) => url.clone(),
    };
    json!({
        "context": context,
        "dockerfile": build.dockerfile_path.display().to_string(),
        "target": build.target,
        "platform": build.platform,
        "frontend": build.syntax,
        "stages": build.stages.iter().map(|s| stage(build, s)).collect::<Vec<_>>(),
    })
}

fn stage(build: &BuildClosure, stage: &StageClosure) -> Value {
    let name_of = |index: &usize| build.stage(*index).map(|s| s.name.as_str());
    let line = |line: u32| line + build.line_offset;
    let base = match &stage.base {
        StageBase::Stage(index) => json!({"stage": name_of(index)}),
        StageBase::Image(image) => json!({"image": image}),
        StageBase::SiblingService(service) => json!({"service": service}),
        StageBase::Context(name) => json!({"context": name}),
        StageBase::Scratch => json!("scratch"),
    };
    json!({
        "name": stage.name,
        "line": line(stage.line),
        "platform": stage.platform,
        "base": base,
        "stages": stage.depends_on.iter().filter_map(name_of).collect::<Vec<_>>(),
        "images": stage.images,
        "services": stage.sibling_services,
        "runs": stage.runs.iter().map(|r| run(r, line(r.line))).collect::<Vec<_>>(),
        "copy_links": stage.copy_links.iter().map(|l| line(*l)).collect::<Vec<_>>(),
    })
}

fn run(run: &RunStep, line: u32) -> Value {
    json!({
        "line": line,
        "command": run.command,
        "mounts": run.mounts,
        "network_tool": run.network_tool,
    })
}

fn image(image: &NeededImage) -> Value {
    json!({
        "ref": image.reference,
        "platform": image.platform,
        "roles": image.roles,
        "services": image.services,
    })
}
