use super::super::Situation;
use crate::closure::Platform;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};

pub(super) static RULE: Rule = Rule {
    id: "architecture",
    group: Group::Bundle,
    worst: Severity::Error,
    promise: Text::fixed(
        "The bundle is for the engine's processor.",
        "离线包适用于引擎的处理器架构。",
    ),
    why: Text::fixed(
        "Binaries of another processor do not run, and their layers are not those that a build asks for.",
        "其他架构的程序无法运行，它们的镜像层也不是构建所需的。",
    ),
    remedy: Text::fixed(
        "On the connected machine, export for this one: docker offline export --platform linux/arm64, for example.",
        "在联网机器上为本机架构导出，例如 docker offline export --platform linux/arm64。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let Ok(engine) = &situation.facts.engine else {
        return Vec::new();
    };
    let here = &engine.info.platform;
    let Ok(bundle) = situation.bundle else {
        return Vec::new();
    };
    let made = &bundle.record().platform;
    if same(made, here) {
        let message = text!("{here} here and in the bundle", "本机与离线包均为 {here}");
        return vec![rule.ok("engine", message)];
    }
    let message = text!(
        "the bundle is for {made}, the engine is {here}",
        "离线包适用于 {made}，引擎是 {here}"
    );
    vec![
        rule.error("engine", message)
            .because(Text::fixed(
                "binaries of another processor do not run",
                "其他架构的程序无法运行",
            ))
            .remedied_by(Text::fixed("on the connected machine", "在联网机器上"))
            .run(format!("docker offline export --platform {here}")),
    ]
}

/// Whether two names mean one platform: `linux/arm64/v8` is `linux/arm64`.
fn same(one: &str, other: &str) -> bool {
    match (one.parse::<Platform>(), other.parse::<Platform>()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}
