use std::collections::BTreeMap;

use super::super::Situation;
use crate::bundle::ImageRecord;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};
use crate::engine::LocalImage;
use crate::layout::Digest;
use crate::reference::ImageReference;

pub(super) static RULE: Rule = Rule {
    id: "image-present",
    group: Group::Host,
    worst: Severity::Note,
    promise: Text::fixed(
        "The engine holds the images of the bundle that a build asks for.",
        "引擎里有构建所需的、离线包中的那些镜像。",
    ),
    why: Text::fixed(
        "An image of the same name but another digest gives other cache keys: the steps after FROM run again. Images that are only in the bundle are loaded by docker offline build; a plain docker compose build before that waits for a registry.",
        "同名但摘要不同的镜像会得到不同的缓存键，FROM 之后的步骤会重新执行。只在离线包中的镜像由 docker offline build 加载；在此之前直接运行 docker compose build 会等待镜像仓库。",
    ),
    remedy: Text::fixed(
        "Run docker offline build, or docker offline build --setup only to load.",
        "运行 docker offline build；只加载镜像用 docker offline build --setup。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let Some(local) = situation.local else {
        return Vec::new();
    };
    let carried = situation
        .bundle
        .map(|bundle| bundle.record().images.as_slice())
        .unwrap_or_default();
    let wanted = wanted(situation, carried);
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut present = Vec::new();
    let mut missing = Vec::new();
    let mut other = Vec::new();
    for reference in &wanted {
        let name = reference.familiar();
        let of_bundle = carried
            .iter()
            .find(|image| image.reference == reference.to_string());
        match (is_here(reference, of_bundle, local), of_bundle) {
            (Here::Yes, _) => present.push(name),
            (Here::Other, _) => other.push(name),
            (Here::No, Some(_)) => missing.push(name),
            // In neither: `bundle-complete` says it.
            (Here::No, None) => {}
        }
    }
    words(rule, wanted.len(), &present, &missing, &other)
}

fn words(
    rule: &Rule,
    wanted: usize,
    present: &[String],
    missing: &[String],
    other: &[String],
) -> Vec<Finding> {
    if present.len() == wanted {
        let message = text!(
            "the engine has all {wanted} images",
            "引擎里已有全部 {wanted} 个镜像"
        );
        return vec![rule.ok("engine", message)];
    }
    let mut findings = Vec::new();
    if !present.is_empty() {
        let message = text!(
            "the engine has {have} of {wanted} images: {names}",
            "引擎里已有 {wanted} 个镜像中的 {have} 个：{names}",
            have = present.len(),
            names = present.join(", "),
        );
        findings.push(rule.ok("engine", message));
    }
    if !missing.is_empty() {
        let message = text!(
            "docker offline build will load from the bundle: {names}",
            "docker offline build 会从离线包加载：{names}",
            names = missing.join(", "),
        );
        findings.push(rule.ok("engine", message));
    }
    if !other.is_empty() {
        let message = text!(
            "the engine has other images of these names: {names}",
            "引擎里有同名但不同的镜像：{names}",
            names = other.join(", "),
        );
        findings.push(
            rule.note("engine", message)
                .because(Text::fixed(
                    "the build cache belongs to those of the bundle",
                    "构建缓存属于离线包中的镜像",
                ))
                .run("docker offline build --setup"),
        );
    }
    findings
}

/// Whether the engine has an image, and the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::diagnosis) enum Here {
    /// It has.
    Yes,
    /// Another image has the name.
    Other,
    /// It has not.
    No,
}

/// What the project asks for; without a project, what the bundle has.
fn wanted(situation: &Situation<'_>, carried: &[ImageRecord]) -> Vec<ImageReference> {
    match situation.sources.closure() {
        Some(closure) => closure.images.iter().map(|i| i.reference.clone()).collect(),
        None => carried
            .iter()
            .filter_map(|image| ImageReference::parse(&image.reference).ok())
            .collect(),
    }
}

pub(in crate::diagnosis) fn is_here(
    reference: &ImageReference,
    carried: Option<&ImageRecord>,
    local: &BTreeMap<String, LocalImage>,
) -> Here {
    match (local.get(&reference.load_name()), carried) {
        (None, _) => Here::No,
        (Some(_), None) => Here::Yes,
        // A graphdriver store names an image by its config, a containerd store
        // by its manifest or index.
        (Some(image), Some(carried)) => match image.id.parse::<Digest>() {
            Ok(id) if [carried.config, carried.manifest, carried.root].contains(&id) => Here::Yes,
            _ => Here::Other,
        },
    }
}
