use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};

pub(super) static RULE: Rule = Rule {
    id: "unset-variable",
    group: Group::Project,
    worst: Severity::Warning,
    promise: Text::fixed(
        "Every variable that the Compose files use is set.",
        "Compose 文件使用的变量都已设置。",
    ),
    why: Text::fixed(
        "Compose puts nothing in the place of a variable that is not set. A build argument with another value than at the export misses the cache.",
        "未设置的变量会被替换为空。构建参数的值与导出时不同，缓存就不会命中。",
    ),
    remedy: Text::fixed(
        "Carry .env along with the sources, or give the variable a default: ${NAME:-value}.",
        "把 .env 随源码一起带走，或为变量设默认值：${NAME:-value}。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let Some(project) = situation.sources.project() else {
        return Vec::new();
    };
    let unset = project.unset_variables.iter().map(|name| {
        let message = text!("the variable {name} is not set", "变量 {name} 没有设置");
        rule.warning(name.as_str(), message)
            .because(Text::fixed(
                "Compose puts nothing in its place; a build with another value than at the export misses the cache",
                "Compose 会替换为空；值与导出时不同，缓存就不会命中",
            ))
            .remedied_by(text!(
                "set {name} in .env, as it was at the export",
                "在 .env 中设置 {name}，与导出时一致"
            ))
    });
    unset.collect()
}
