use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};

pub(super) static RULE: Rule = Rule {
    id: "container-name",
    group: Group::Project,
    worst: Severity::Error,
    promise: Text::fixed(
        "No container of another project has a name that this one asks for.",
        "没有其他项目的容器占用本项目要用的名称。",
    ),
    why: Text::fixed(
        "container_name is unique on an engine. A container of that name that another project made, or docker run, makes docker compose up fail after everything has been built.",
        "container_name 在一个引擎上是唯一的。如果其他项目或 docker run 创建了同名容器，docker compose up 会在全部构建完成后失败。",
    ),
    remedy: Text::fixed(
        "Remove the other container (docker rm -f NAME), or drop container_name from the Compose file.",
        "删除另一个容器（docker rm -f NAME），或从 Compose 文件中去掉 container_name。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let Some(project) = situation.sources.project() else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for service in &project.services {
        let Some(name) = &service.run.container_name else {
            continue;
        };
        let same = situation.facts.containers.iter().find(|c| c.name == *name);
        let Some(container) = same else {
            continue;
        };
        let ours = container.project.as_deref() == Some(&project.name)
            && container.service.as_deref() == Some(&service.name);
        if ours {
            continue;
        }
        let (of, other) = (&service.name, container.project.as_deref());
        let message = match other {
            Some(other) => text!(
                "service {of}: the container name {name} is taken by project {other}",
                "服务 {of}：容器名 {name} 已被项目 {other} 占用"
            ),
            None => text!(
                "service {of}: a container named {name} is there already",
                "服务 {of}：已有名为 {name} 的容器"
            ),
        };
        let place = service.location.as_ref().map(|l| situation.place(l));
        let mut finding = rule
            .error(place.unwrap_or_else(|| of.clone()), message)
            .of_service(of)
            .remedied_by(Text::fixed("if it is no longer needed", "如果不再需要它"))
            .run(format!("docker rm -f {name}"));
        finding.location.clone_from(&service.location);
        findings.push(finding);
    }
    findings
}
