use std::collections::BTreeMap;

use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};
use crate::project::{Project, PublishedPort, Service};

pub(super) static RULE: Rule = Rule {
    id: "port-in-use",
    group: Group::Project,
    worst: Severity::Error,
    promise: Text::fixed(
        "The ports that services publish are free, or taken by this project itself.",
        "服务要发布的端口空闲，或由本项目自己占用。",
    ),
    why: Text::fixed(
        "docker compose up fails for a port that something else listens on, after everything has been built. What listens is read from /proc/net and from the engine's containers; ports that containers of this project hold are in order.",
        "如果端口已被其他程序占用，docker compose up 会在全部构建完成后失败。占用情况来自 /proc/net 和引擎的容器；本项目容器占用的端口不算。",
    ),
    remedy: Text::fixed(
        "Stop what holds it (sudo ss -ltnp shows what), or publish another port.",
        "停止占用者（sudo ss -ltnp 查看），或发布到其他端口。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let Some(project) = situation.sources.project() else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    let mut taken: BTreeMap<PublishedPort, &str> = BTreeMap::new();
    for service in &project.services {
        for port in &service.run.ports {
            let by = match taken.insert(port.clone(), &service.name) {
                Some(other) if other != service.name => {
                    Some(text!("service {other}", "服务 {other} "))
                }
                _ => holder(situation, project, port),
            };
            if let Some(by) = by {
                findings.push(finding(rule, situation, service, port, &by));
            }
        }
    }
    findings
}

fn finding(
    rule: &Rule,
    situation: &Situation<'_>,
    service: &Service,
    port: &PublishedPort,
    by: &Text,
) -> Finding {
    let (name, number, protocol) = (&service.name, port.port, &port.protocol);
    let message = Text::made(
        format!(
            "service {name}: port {number}/{protocol} is taken by {}",
            by.en
        ),
        format!("服务 {name}：端口 {number}/{protocol} 已被{}占用", by.zh),
    );
    let place = service.location.as_ref().map(|l| situation.place(l));
    let mut finding = rule
        .error(place.unwrap_or_else(|| name.clone()), message)
        .of_service(name)
        .remedied_by(Text::fixed(
            "stop what holds it, or publish another port; to see what it is",
            "停止占用者，或发布到其他端口；查看占用者",
        ))
        .run(format!("sudo ss -lnp 'sport = :{number}'"));
    finding.location.clone_from(&service.location);
    finding
}

/// Who holds a port, if it is not this project.
fn holder(situation: &Situation<'_>, project: &Project, port: &PublishedPort) -> Option<Text> {
    let key = (port.protocol.clone(), port.port);
    let containers = &situation.facts.containers;
    if let Some(container) = containers.iter().find(|c| c.ports.contains(&key)) {
        if container.project.as_deref() == Some(&project.name) {
            return None;
        }
        let name = &container.name;
        return Some(text!("the container {name}", "容器 {name} "));
    }
    // Whether another address is meant cannot be said from the number alone.
    let everywhere = port
        .address
        .as_deref()
        .is_none_or(|a| a == "0.0.0.0" || a == "::");
    let listens =
        everywhere && situation.engine_is_here() && situation.machine.listening.contains(&key);
    listens.then(|| Text::fixed("a program of this machine", "本机的程序"))
}
