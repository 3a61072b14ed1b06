use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};

pub(super) static RULE: Rule = Rule {
    id: "bind-mount",
    group: Group::Project,
    worst: Severity::Warning,
    promise: Text::fixed(
        "What services mount from this machine is there.",
        "服务从本机挂载的路径都存在。",
    ),
    why: Text::fixed(
        "For a missing source of a bind mount Docker makes an empty folder, owned by root, and the container starts with it: models or certificates that were on the other machine are then simply not there, and a file becomes a folder. Folders below the project that do not exist yet are left out: they are usually meant to be made.",
        "绑定挂载的来源不存在时，Docker 会创建一个属于 root 的空目录，容器照常启动：另一台机器上的模型或证书就这样缺失了，文件也会变成目录。项目之下尚不存在的目录不报告：它们通常本来就要创建。",
    ),
    remedy: Text::fixed(
        "Carry the data along and put it there, or change the path for this machine (an .env variable serves well).",
        "把数据带来放到该处，或为本机修改路径（可用 .env 变量）。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let Some(project) = situation.sources.project() else {
        return Vec::new();
    };
    if !situation.engine_is_here() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for service in &project.services {
        for path in service.run.binds.iter().filter(|path| !path.exists()) {
            let below = path.starts_with(&project.directory);
            if below && path.extension().is_none() {
                continue;
            }
            let (name, shown) = (&service.name, situation.short(path));
            let message = text!(
                "service {name} mounts {shown}, which does not exist on this machine",
                "服务 {name} 挂载 {shown}，而本机没有这个路径"
            );
            let place = service.location.as_ref().map(|l| situation.place(l));
            let mut finding = rule
                .warning(place.unwrap_or_else(|| name.clone()), message)
                .of_service(name)
                .because(Text::fixed(
                    "Docker would make an empty folder in its place",
                    "Docker 会在该处创建空目录",
                ))
                .remedied_by(Text::fixed(
                    "put the data there, or change the path for this machine",
                    "把数据放到该处，或为本机修改路径",
                ));
            finding.location.clone_from(&service.location);
            findings.push(finding);
        }
    }
    findings
}
