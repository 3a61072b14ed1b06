use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};

const MIB: u64 = 1024 * 1024;

/// Engine, builder and one compiler fit into this.
const LEAST: u64 = 512 * MIB;

pub(super) static RULE: Rule = Rule {
    id: "memory",
    group: Group::Host,
    worst: Severity::Warning,
    promise: Text::fixed("There is memory for a build.", "内存足够进行构建。"),
    why: Text::fixed(
        "A build step that runs out of memory is killed; its log ends with 'Killed' or exit code 137, and says nothing else.",
        "内存不足时构建步骤会被杀死，日志只以 Killed 或退出码 137 结束，没有其他说明。",
    ),
    remedy: Text::fixed(
        "Stop what is not needed (docker stats shows it), or build one service after another: docker offline build SERVICE.",
        "停止不需要的程序（docker stats 查看），或逐个构建服务：docker offline build SERVICE。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let available = situation
        .machine
        .memory
        .filter(|_| situation.engine_is_here());
    let Some(available) = available.filter(|available| *available < LEAST) else {
        return Vec::new();
    };
    let message = text!(
        "only {mib} MiB of memory can still be had",
        "可用内存只有 {mib} MiB",
        mib = available / MIB,
    );
    vec![
        rule.warning("memory", message)
            .because(Text::fixed(
                "a step that gets no more is killed, with exit code 137",
                "得不到内存的步骤会被杀死，退出码 137",
            ))
            .run("docker stats --no-stream"),
    ]
}
