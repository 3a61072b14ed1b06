use super::super::Situation;
use crate::diagnosis::{Finding, Group, KEPT_FREE, Rule, Severity, Text, text};

pub(super) static RULE: Rule = Rule {
    id: "engine-disk",
    group: Group::Host,
    worst: Severity::Warning,
    promise: Text::fixed(
        "The engine's disk has room, so that the warmed cache is kept.",
        "引擎磁盘空间充足，预热的缓存不会被清除。",
    ),
    why: Text::fixed(
        "With less than a fifth of the disk free, BuildKit's own garbage collection may drop the build cache between two builds. Steps that need a network then run again, and fail (engine fact 20).",
        "磁盘剩余不足五分之一时，BuildKit 的垃圾回收可能在两次构建之间清除缓存；需要网络的步骤会重新执行并失败（见 engine fact 20）。",
    ),
    remedy: Text::fixed(
        "Free space on that disk (docker system df shows what Docker uses). When it has happened: docker offline build warms the cache again from the bundle.",
        "清理该磁盘（docker system df 显示 Docker 的占用）。如果缓存已被清除：docker offline build 会从离线包重新预热。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let Ok(engine) = &situation.facts.engine else {
        return Vec::new();
    };
    let subject = engine.info.root.display().to_string();
    let Some(disk) = &engine.disk else {
        let message = Text::fixed(
            "the engine's disk cannot be seen from this machine",
            "从本机看不到引擎的磁盘",
        );
        return vec![rule.ok(subject, message)];
    };
    let percent = disk.percent_free();
    let message = text!(
        "{percent}% of the engine's disk is free",
        "引擎磁盘剩余 {percent}%"
    );
    if percent >= KEPT_FREE {
        return vec![rule.ok(subject, message)];
    }
    vec![
        rule.warning(subject, message)
            .because(text!(
                "with less than {KEPT_FREE}% free, BuildKit may drop the build cache between two builds, and steps that need a network run again",
                "剩余不足 {KEPT_FREE}% 时，BuildKit 可能在两次构建之间清除缓存，需要网络的步骤会重新执行"
            ))
            .remedied_by(Text::fixed(
                "free space on that disk; this shows what Docker itself uses",
                "清理该磁盘；下面的命令显示 Docker 自身的占用",
            ))
            .run("docker system df")
            .remedied_by(Text::fixed(
                "if builds miss the cache afterwards, warm it again",
                "如果之后缓存未命中，重新预热",
            ))
            .run("docker offline build"),
    ]
}
