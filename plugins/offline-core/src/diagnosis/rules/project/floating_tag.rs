use super::super::Situation;
use crate::closure::{Closure, NeededImage, Role};
use crate::diagnosis::{Finding, Group, Rule, Severity, Text};
use crate::project::Location;

pub(super) static RULE: Rule = Rule {
    id: "floating-tag",
    group: Group::Project,
    worst: Severity::Warning,
    promise: Text::fixed(
        "No image is taken by a tag that means another image tomorrow.",
        "没有使用会随时变化的镜像标签。",
    ),
    why: Text::fixed(
        "latest, or no tag at all, means whatever was pushed last. The next export may bring another base, and with it every step runs again and every layer is carried anew; what was tested is not what is built.",
        "latest 或不写标签，表示最近推送的镜像。下次导出可能带来另一个基础镜像，所有步骤都会重新执行，所有层都要重新携带；测试过的和构建出的不再相同。",
    ),
    remedy: Text::fixed(
        "Name a version (debian:12.5), or pin a digest (debian:12@sha256:...). docker image inspect shows what it is now.",
        "写明版本（debian:12.5），或固定摘要（debian:12@sha256:...）。docker image inspect 可查看当前是哪一个。",
    ),
    check,
};

/// Tags that are moved by their owners as a matter of course.
const FLOATING: &[&str] = &[
    "latest", "edge", "nightly", "main", "master", "dev", "devel", "rolling", "unstable", "canary",
];

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let Some(closure) = situation.sources.closure() else {
        return Vec::new();
    };
    let floats = |image: &&NeededImage| {
        let tag = image.reference.tag().unwrap_or("latest");
        image.reference.digest().is_none() && FLOATING.contains(&tag)
    };
    let images = closure.images.iter().filter(floats);
    images
        .map(|image| {
            let name = image.reference.familiar();
            let roles: Vec<&str> = image.roles.iter().map(|role| role.as_str()).collect();
            let chinese: Vec<&str> = image.roles.iter().map(|role| role.chinese()).collect();
            let services: Vec<&str> = image.services.iter().map(String::as_str).collect();
            let (roles, chinese, services) =
                (roles.join(", "), chinese.join("、"), services.join(", "));
            let message = Text::made(
                format!("{name} ({roles} of {services}) means another image at each export"),
                format!("{name}（{services} 的{chinese}）在每次导出时都可能是另一个镜像"),
            );
            let place = place(situation, closure, image);
            let subject = place.as_ref().map_or(name, |place| situation.place(place));
            let mut finding = rule.warning(subject, message).remedied_by(Text::fixed(
                "name a version, or pin a digest with @sha256:...",
                "写明版本，或用 @sha256:... 固定摘要",
            ));
            finding.location = place;
            finding.service = image.services.first().cloned();
            finding
        })
        .collect()
}

/// The FROM that names it, or the service that runs it.
fn place(situation: &Situation<'_>, closure: &Closure, image: &NeededImage) -> Option<Location> {
    for service in &closure.services {
        let Some(build) = &service.build else {
            continue;
        };
        let mut stages = build.stages.iter();
        if let Some(stage) = stages.find(|stage| stage.images.contains(&image.reference)) {
            return Some(build.location(stage.line));
        }
    }
    let runs = image.roles.contains(&Role::Service);
    let service = image.services.first().filter(|_| runs)?;
    let service = situation.sources.project()?.service(service)?;
    service.location.clone()
}
