use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, TakenContext, Text, text};

pub(super) static RULE: Rule = Rule {
    id: "dockerignore",
    group: Group::Project,
    worst: Severity::Warning,
    promise: Text::fixed(
        "No COPY takes what tools make anew: .git, node_modules, __pycache__ and their like.",
        "没有 COPY 复制工具自动生成的内容：.git、node_modules、__pycache__ 等。",
    ),
    why: Text::fixed(
        "What no image needs makes the context large, and worse: it changes by itself. Every commit changes .git and every test run __pycache__, and with them the COPY that takes them misses, and all steps after it.",
        "镜像不需要的内容使上下文变大，更糟的是它们会自己变化：每次提交改变 .git，每次测试改变 __pycache__，复制它们的 COPY 和之后的所有步骤就都不再命中。",
    ),
    remedy: Text::fixed(
        "Name them in .dockerignore in the context's folder, before the export: a changed .dockerignore changes what COPY takes, too.",
        "在导出之前，把它们写进上下文目录的 .dockerignore：修改 .dockerignore 同样会改变 COPY 的内容。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let found = situation.contexts.iter().filter(|c| !c.litter.is_empty());
    found.map(|context| one(rule, situation, context)).collect()
}

fn one(rule: &Rule, situation: &Situation<'_>, context: &TakenContext) -> Finding {
    let size: u64 = context.litter.iter().map(|(_, size)| size).sum();
    let named: Vec<String> = context
        .litter
        .iter()
        .take(4)
        .map(|(path, size)| format!("{path} ({})", super::size(*size)))
        .collect();
    let more = context.litter.len().saturating_sub(named.len());
    let mut list = named.join(", ");
    if more > 0 {
        list += &format!(", +{more}");
    }
    let (service, saved) = (&context.service, super::size(size));
    let file = situation.short(&context.folder.join(".dockerignore"));
    let message = if context.has_ignore_file {
        text!(
            "service {service}: the ignore file does not leave out {list}; it would save {saved}",
            "服务 {service}：忽略文件没有排除 {list}；排除可节省 {saved}"
        )
    } else {
        text!(
            "service {service}: there is no .dockerignore, and COPY takes {list}; one would save {saved}",
            "服务 {service}：没有 .dockerignore，COPY 会复制 {list}；排除可节省 {saved}"
        )
    };
    let mut patterns: Vec<String> = context
        .litter
        .iter()
        .map(|(path, _)| match path.rsplit_once('/') {
            Some((_, name)) => format!("**/{name}"),
            None => path.clone(),
        })
        .collect();
    patterns.sort();
    patterns.dedup();
    patterns.truncate(6);
    rule.warning(file.clone(), message)
        .of_service(service)
        .because(Text::fixed(
            "it changes by itself, and with it the COPY and every step behind it miss the cache",
            "它会自己变化，COPY 和之后的每个步骤都会因此不再命中缓存",
        ))
        .run(format!("printf '%s\\n' {} >> {file}", quoted(&patterns)))
}

fn quoted(patterns: &[String]) -> String {
    let quoted: Vec<String> = patterns.iter().map(|p| format!("'{p}'")).collect();
    quoted.join(" ")
}
