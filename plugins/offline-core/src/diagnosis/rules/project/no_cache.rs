use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};

pub(super) static RULE: Rule = Rule {
    id: "no-cache",
    group: Group::Project,
    worst: Severity::Error,
    promise: Text::fixed(
        "No build is told to do without the cache.",
        "没有构建被要求不使用缓存。",
    ),
    why: Text::fixed(
        "build.no_cache: true, or no_cache_filter, runs every step of the service (or of those stages) each time, whatever the bundle holds. Steps that need a network then fail on site.",
        "build.no_cache: true 或 no_cache_filter 使服务（或这些阶段）的每个步骤每次都执行，无论离线包里有什么；需要网络的步骤在现场会失败。",
    ),
    remedy: Text::fixed(
        "Remove the key from the Compose file; docker compose build --no-cache does the same once where it is wanted.",
        "从 Compose 文件中删除该设置；需要时可用 docker compose build --no-cache 执行一次。",
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
        let Some(of) = closure
            .service(&service.name)
            .and_then(|s| s.build.as_ref())
        else {
            continue;
        };
        let Some(build) = &service.build else {
            continue;
        };
        let key = if build.no_cache {
            "build.no_cache: true".to_owned()
        } else if build.no_cache_filter.is_empty() {
            continue;
        } else {
            format!(
                "build.no_cache_filter: {}",
                build.no_cache_filter.join(", ")
            )
        };
        let runs = of
            .stages
            .iter()
            .flat_map(|s| s.runs.iter().map(move |run| (s, run)));
        let mut lost = runs
            .filter(|(stage, run)| situation.recorded(&service.name, stage.index, run.line) == 0);
        let network = lost.find_map(|(_, run)| {
            let cold = build.no_cache || !build.no_cache_filter.is_empty();
            Some((run.network_tool.filter(|_| cold)?, run.line))
        });
        let name = &service.name;
        let place = service.location.as_ref().map(|l| situation.place(l));
        let place = place.unwrap_or_else(|| name.clone());
        let mut finding = match network {
            Some((tool, line)) => {
                let at = situation.place(&of.location(line));
                rule.error(
                    place,
                    text!(
                        "service {name}: {key} runs {tool} at {at} in every build",
                        "服务 {name}：{key} 使 {at} 的 {tool} 每次构建都执行"
                    ),
                )
            }
            None => rule.warning(
                place,
                text!(
                    "service {name}: {key} runs its steps in every build",
                    "服务 {name}：{key} 使它的步骤每次构建都执行"
                ),
            ),
        };
        finding.location.clone_from(&service.location);
        findings.push(finding.of_service(name).remedied_by(Text::fixed(
            "remove the key from the Compose file",
            "从 Compose 文件中删除该设置",
        )));
    }
    findings
}
