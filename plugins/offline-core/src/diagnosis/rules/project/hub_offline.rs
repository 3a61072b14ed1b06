use std::path::Path;

use super::super::Situation;
use crate::closure::is_told_that_the_hub_is_off;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};
use crate::project::{ModelHub, ModelStore, MountSource, OfflineModel, Project, Service};

pub(super) static RULE: Rule = Rule {
    id: "hub-offline",
    group: Group::Project,
    worst: Severity::Warning,
    promise: Text::fixed(
        "Services that read carried models of Hugging Face do not ask the hub for newer ones.",
        "读取已携带的 Hugging Face 模型的服务不会向 Hub 询问更新的版本。",
    ),
    why: Text::fixed(
        "Libraries that find a model in their cache ask the hub all the same which commit is the latest. Without a network they wait for an answer that does not come, and some then fail. With HF_HUB_OFFLINE=1 they read what is there.",
        "即使缓存中已有模型，库仍会先询问 Hub 哪个提交是最新的。没有网络时，它们会等待不会到来的应答，有的随后失败。设置 HF_HUB_OFFLINE=1 后，它们直接读取已有的内容。",
    ),
    remedy: Text::fixed(
        "Set HF_HUB_OFFLINE: \"1\" in the environment of the service; versions of transformers before 4.39 read TRANSFORMERS_OFFLINE: \"1\".",
        "在服务的 environment 中设置 HF_HUB_OFFLINE: \"1\"；4.39 之前的 transformers 读取 TRANSFORMERS_OFFLINE: \"1\"。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let (Some(project), Some(closure)) = (situation.sources.project(), situation.sources.closure())
    else {
        return Vec::new();
    };
    let models = project.offline.models.iter();
    let models: Vec<&OfflineModel> = models
        .filter(|model| model.hub == ModelHub::HuggingFace)
        .collect();
    let mut findings = Vec::new();
    for service in &project.services {
        let name = &service.name;
        let Some(model) = models.iter().find(|model| reads(project, service, model)) else {
            continue;
        };
        let Some(own) = closure.service(name) else {
            continue;
        };
        if is_told_that_the_hub_is_off(service, own.build.as_ref()) {
            continue;
        }
        let message = text!(
            "service {name} reads the model {model}, and asks the hub for a newer one",
            "服务 {name} 读取模型 {model}，并会向 Hub 询问更新的版本",
            model = model.name
        );
        let place = service.location.as_ref().map(|l| situation.place(l));
        let mut finding = rule
            .warning(place.unwrap_or_else(|| name.clone()), message)
            .of_service(name)
            .remedied_by(Text::fixed(
                "add to the service: environment: {HF_HUB_OFFLINE: \"1\"}",
                "在服务中加入：environment: {HF_HUB_OFFLINE: \"1\"}",
            ));
        finding.location.clone_from(&service.location);
        findings.push(finding);
    }
    findings
}

/// Whether a service has declared a model, or mounts where it goes to.
fn reads(project: &Project, service: &Service, model: &OfflineModel) -> bool {
    if model.service.is_some() {
        return model.service.as_ref() == Some(&service.name);
    }
    let mounts = project.offline.mounts.iter();
    let mut own = mounts.filter(|mount| mount.service == service.name);
    own.any(|mount| match (&mount.source, &model.target) {
        (MountSource::Volume(mounted), ModelStore::Volume(target)) => mounted.key == target.key,
        (MountSource::Bind(mounted), ModelStore::Folder(target)) => {
            let target = project.directory.join(Path::new(target));
            target.starts_with(mounted) || mounted.starts_with(&target)
        }
        _ => false,
    })
}
