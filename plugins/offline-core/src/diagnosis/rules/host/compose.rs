use super::super::Situation;
use crate::compatibility::unread_service_contexts;
use crate::diagnosis::{Finding, Group, Rule, Severity, Sources, Text, text};
use crate::engine::Error;
use crate::project::Service;

pub(super) static RULE: Rule = Rule {
    id: "compose",
    group: Group::Host,
    worst: Severity::Error,
    promise: Text::fixed(
        "The Compose plugin is installed, and new enough for this project.",
        "已安装 Compose 插件，且版本满足该项目。",
    ),
    why: Text::fixed(
        "Compose resolves the project's files; without it they cannot be read as docker compose up will read them. Before 2.33 it takes service:NAME in additional_contexts for a folder.",
        "项目文件由 Compose 解析；没有它就无法得到与 docker compose up 相同的结果。2.33 以前的版本会把 additional_contexts 中的 service:NAME 当成目录。",
    ),
    remedy: Text::fixed(
        "Install the package docker-compose-plugin (or docker-compose-v2); one file in ~/.docker/cli-plugins is enough.",
        "安装软件包 docker-compose-plugin（或 docker-compose-v2）；也可以只把一个文件放进 ~/.docker/cli-plugins。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    match &situation.facts.compose {
        Ok(version) => {
            let unread = match situation.sources {
                Sources::Read(project, closure) => {
                    unread_service_contexts(project, closure, version)
                }
                _ => Vec::new(),
            };
            if unread.is_empty() {
                let message = text!("Compose {version}", "Compose {version}");
                return vec![rule.ok("Compose", message)];
            }
            let too_old = |service: &&Service| too_old(rule, situation, version, service);
            unread.iter().map(too_old).collect()
        }
        // That docker itself is missing is said once, of the engine.
        Err(Error::DockerMissing) => Vec::new(),
        Err(Error::ComposeMissing) => vec![missing(rule, situation)],
        Err(error) => vec![
            rule.error("Compose", text!("{error}", "无法查询 Compose：{error}"))
                .run("docker compose version"),
        ],
    }
}

/// Engines before 23 build with the classic builder, which needs no Compose.
fn missing(rule: &Rule, situation: &Situation<'_>) -> Finding {
    let message = Text::fixed("docker compose is not installed", "没有安装 docker compose");
    let engine = situation.facts.engine.as_ref();
    let finding = match engine {
        Ok(engine) if engine.info.generation() < 23 => rule.warning("Compose", message),
        _ => rule.error("Compose", message),
    };
    let read = matches!(situation.sources, Sources::Read(project, _) if project.without_compose);
    let finding = if read {
        finding.because(Text::fixed(
            "the project was read without it: misspelt keys are passed over, and what include or extends fetch from elsewhere is refused",
            "项目未经 Compose 读取：拼写错误的键会被忽略，include 或 extends 的远程文件会被拒绝",
        ))
    } else {
        finding
    };
    finding
        .remedied_by(Text::fixed(
            "install the package docker-compose-plugin or docker-compose-v2, then check",
            "安装软件包 docker-compose-plugin 或 docker-compose-v2，然后检查",
        ))
        .run("docker compose version")
}

fn too_old(rule: &Rule, situation: &Situation<'_>, version: &str, service: &Service) -> Finding {
    let name = &service.name;
    let location = service.location.as_ref();
    let subject = location.map_or_else(|| name.clone(), |l| situation.place(l));
    let message = text!(
        "service {name} cannot be built here: Compose {version} cannot read service: in additional_contexts",
        "服务 {name} 无法在此构建：Compose {version} 不支持 additional_contexts 中的 service:"
    );
    let mut finding = rule
        .error(subject, message)
        .of_service(name)
        .because(Text::fixed(
            "that came with Compose 2.33",
            "该功能始于 Compose 2.33",
        ))
        .remedied_by(Text::fixed(
            "install a newer Compose plugin on this machine",
            "在本机安装更新的 Compose 插件",
        ));
    finding.location = location.cloned();
    finding
}
