use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};
use crate::engine::KEPT_FREE;
use crate::reference::ImageReference;

const MIB: u64 = 1024 * 1024;

pub(super) static RULE: Rule = Rule {
    id: "engine-disk",
    group: Group::Host,
    worst: Severity::Error,
    promise: Text::fixed(
        "The engine's disk has room for the bundle, and the warmed cache is kept.",
        "引擎磁盘能容纳离线包，预热的缓存不会被清除。",
    ),
    why: Text::fixed(
        "What is loaded takes at least as much as the bundle's blobs. With less than a fifth of the disk free, BuildKit's own garbage collection may drop the build cache between two builds. Steps that need a network then run again, and fail (engine fact 20).",
        "加载的内容至少占用与离线包 blob 同样的空间。磁盘剩余不足五分之一时，BuildKit 的垃圾回收可能在两次构建之间清除缓存；需要网络的步骤会重新执行并失败（见 engine fact 20）。",
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
    let needed = needed(situation);
    if needed > disk.available {
        return vec![too_small(rule, subject, needed, disk.available)];
    }
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

/// What loading takes at least: the blobs of the bundle, less the images of it that
/// the engine has. Of layers that were unpacked it is more.
fn needed(situation: &Situation<'_>) -> u64 {
    let (Ok(bundle), Some(local)) = (situation.bundle, situation.local) else {
        return 0;
    };
    let mut needed = bundle.size();
    for image in &bundle.record().images {
        let name = ImageReference::parse(&image.reference).map(|r| r.load_name());
        if name.is_ok_and(|name| local.contains_key(&name)) {
            needed = needed.saturating_sub(image.size);
        }
    }
    // With the images there, the stages were warmed, too.
    if situation.has_every_image() {
        0
    } else {
        needed
    }
}

fn too_small(rule: &Rule, subject: String, needed: u64, free: u64) -> Finding {
    let (needed, free) = (needed.div_ceil(MIB), free / MIB);
    let message = text!(
        "loading the bundle takes at least {needed} MiB, and {free} MiB of the engine's disk are free",
        "加载离线包至少需要 {needed} MiB，而引擎磁盘剩余 {free} MiB"
    );
    rule.error(subject, message)
        .because(Text::fixed(
            "it would end with: no space left on device",
            "会以 no space left on device 失败",
        ))
        .remedied_by(Text::fixed(
            "free space on that disk; this shows what Docker itself uses",
            "清理该磁盘；下面的命令显示 Docker 自身的占用",
        ))
        .run("docker system df")
}
