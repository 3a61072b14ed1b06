use super::super::Situation;
use super::proxies::is_loopback;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};

pub(super) static RULE: Rule = Rule {
    id: "registry-mirror",
    group: Group::Host,
    worst: Severity::Warning,
    promise: Text::fixed(
        "No registry mirror is configured that cannot be reached.",
        "没有配置无法到达的镜像加速器。",
    ),
    why: Text::fixed(
        "The engine asks its registry-mirrors first whenever an image is not there, and waits for each of them. Looked for where this machine has no default route.",
        "镜像不在本地时，引擎会先依次访问 registry-mirrors 并逐个等待。仅在本机没有默认路由时检查。",
    ),
    remedy: Text::fixed(
        "Remove registry-mirrors from /etc/docker/daemon.json and restart the engine.",
        "从 /etc/docker/daemon.json 删除 registry-mirrors 并重启引擎。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let Ok(engine) = &situation.facts.engine else {
        return Vec::new();
    };
    if situation.machine.network.has_default_route || !situation.engine_is_here() {
        return Vec::new();
    }
    let mirrors = engine.info.mirrors.iter().filter(|url| !is_loopback(url));
    mirrors
        .map(|mirror| {
            let message = text!(
                "the engine asks the mirror {mirror} first, and this machine has no way out",
                "引擎会先访问镜像加速器 {mirror}，而本机没有出口"
            );
            rule.warning("daemon.json", message)
                .because(Text::fixed(
                    "each image that is not there waits for it",
                    "每个本地没有的镜像都会等待它",
                ))
                .remedied_by(Text::fixed(
                    "remove registry-mirrors from /etc/docker/daemon.json, then",
                    "从 /etc/docker/daemon.json 删除 registry-mirrors，然后",
                ))
                .run("sudo systemctl restart docker")
        })
        .collect()
}
