use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};

pub(super) static RULE: Rule = Rule {
    id: "pulls-always",
    group: Group::Project,
    worst: Severity::Warning,
    promise: Text::fixed(
        "Nothing asks a registry although the image is there.",
        "没有在镜像已存在时仍访问镜像仓库的设置。",
    ),
    why: Text::fixed(
        "pull_policy: always (daily, weekly, every_...) and build.pull: true make Compose ask a registry at every up or build. docker offline build does without, and tells Compose to (compose.override.yaml, or the COMPOSE_FILE line that it prints); plain Compose on a machine where it never ran fails.",
        "pull_policy: always（daily、weekly、every_...）和 build.pull: true 使 Compose 每次 up 或 build 都访问镜像仓库。docker offline build 不受影响，并会告诉 Compose 关闭它们（compose.override.yaml，或它打印的 COMPOSE_FILE 行）；在从未运行过它的机器上，普通 Compose 会失败。",
    ),
    remedy: Text::fixed(
        "Run docker offline build on site before plain Compose, or remove the key.",
        "在现场先运行 docker offline build，再使用普通 Compose；或删除该设置。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let (Some(project), Some(closure)) = (situation.sources.project(), situation.sources.closure())
    else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for service in &project.services {
        if closure.service(&service.name).is_none() {
            continue;
        }
        let policy = service.pull_policy.as_deref().filter(|p| goes_out(p));
        let build = service.build.as_ref().filter(|b| b.pull);
        let keys = [
            policy.map(|policy| format!("pull_policy: {policy}")),
            build.map(|_| "build.pull: true".to_owned()),
        ];
        for key in keys.into_iter().flatten() {
            let name = &service.name;
            let message = text!(
                "service {name}: {key} asks a registry although the image is there",
                "服务 {name}：{key} 会在镜像已存在时仍访问镜像仓库"
            );
            let place = service.location.as_ref().map(|l| situation.place(l));
            let mut finding = rule
                .warning(place.unwrap_or_else(|| name.clone()), message)
                .of_service(name)
                .remedied_by(Text::fixed(
                    "on site, it is turned off by",
                    "在离线机器上，用它关闭：",
                ))
                .run("docker offline build");
            finding.location.clone_from(&service.location);
            findings.push(finding);
        }
    }
    findings
}

/// As compose-go reads `pull_policy`.
fn goes_out(policy: &str) -> bool {
    matches!(policy, "always" | "refresh" | "daily" | "weekly") || policy.starts_with("every_")
}
