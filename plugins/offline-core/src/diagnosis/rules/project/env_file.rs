use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};

pub(super) static RULE: Rule = Rule {
    id: "env-file",
    group: Group::Project,
    worst: Severity::Error,
    promise: Text::fixed(
        "Every env_file that a service names is there.",
        "服务引用的每个 env_file 都存在。",
    ),
    why: Text::fixed(
        "Files with passwords are often kept out of version control, and so they are missing in the copy that is carried. Compose refuses the whole project for the first that it does not find. On site docker offline build goes on without it, and has Compose take it as optional; the service starts without its variables until it is there.",
        "含密码的文件常常不进版本库，因此带到现场的副本里没有。Compose 遇到第一个缺失的文件就拒绝整个项目。在现场，docker offline build 不需要它也会继续，并让 Compose 把它当作可选；在文件就位之前，服务启动时没有其中的变量。",
    ),
    remedy: Text::fixed(
        "Carry the file along with the sources, or mark it optional: {path: FILE, required: false}.",
        "把文件随源码一起带走，或标记为可选：{path: FILE, required: false}。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let missing = situation.missing_env_files.iter().map(|missing| {
        let (name, path) = (&missing.service, situation.short(&missing.path));
        let message = text!(
            "service {name}: the env_file {path} does not exist",
            "服务 {name}：env_file {path} 不存在"
        );
        let place = missing.location.as_ref().map(|l| situation.place(l));
        let place = place.unwrap_or_else(|| path.clone());
        let goes_on = situation.bundle.is_ok() && situation.sources.project().is_some();
        let found = if goes_on {
            rule.warning(place, message).because(Text::fixed(
                "docker offline build builds without it, and lets Compose do so; the service then starts without its variables",
                "docker offline build 不需要它就能构建，也让 Compose 照办；但服务启动时没有其中的变量",
            ))
        } else {
            rule.error(place, message).because(Text::fixed(
                "Compose refuses the whole project without it",
                "缺少它时 Compose 会拒绝整个项目",
            ))
        };
        let mut finding = found
            .of_service(name)
            .remedied_by(Text::fixed(
                "carry it along with the sources; an empty one lets Compose go on",
                "把它随源码一起带走；空文件也能让 Compose 继续",
            ))
            .run(format!("touch {path}"));
        finding.location.clone_from(&missing.location);
        finding
    });
    missing.collect()
}
