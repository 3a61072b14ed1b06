use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};

/// No machine that runs this was set up before (2025-01-01).
const EARLIEST: i64 = 1_735_689_600;

/// Clocks differ by seconds without harm.
const TOLERATED: i64 = 3600;

pub(super) static RULE: Rule = Rule {
    id: "clock",
    group: Group::Host,
    worst: Severity::Warning,
    promise: Text::fixed(
        "The clock is not behind the bundle.",
        "系统时钟不早于离线包的导出时间。",
    ),
    why: Text::fixed(
        "Without a network nothing sets the clock, and a flat battery sets it back by years. Certificates are then not valid yet, package managers refuse indexes from the future, and make rebuilds or skips what it should not.",
        "没有网络就没有对时，电池没电会让时钟倒退多年：证书尚未生效，包管理器拒绝“来自未来”的索引，make 也会误判文件新旧。",
    ),
    remedy: Text::fixed(
        "Set the clock: sudo date -s '2026-01-31 12:00'; then sudo hwclock --systohc.",
        "校准时钟：sudo date -s '2026-01-31 12:00'，然后 sudo hwclock --systohc。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let now = situation.machine.now;
    let shown = |seconds: i64| {
        jiff::Timestamp::from_second(seconds)
            .map(|time| time.strftime("%Y-%m-%d %H:%M").to_string())
            .unwrap_or_default()
    };
    let created = situation.bundle.ok().and_then(|bundle| {
        let time: jiff::Timestamp = bundle.record().created.parse().ok()?;
        Some(time.as_second())
    });
    let (is, set) = (shown(now), "sudo date -s 'YYYY-MM-DD HH:MM'");
    let message = match created {
        Some(created) if now + TOLERATED < created => text!(
            "the clock says {is}, before the bundle was exported ({created})",
            "系统时钟是 {is}，早于离线包的导出时间（{created}）",
            created = shown(created),
        ),
        _ if now < EARLIEST => text!("the clock says {is}", "系统时钟是 {is}"),
        _ => return Vec::new(),
    };
    vec![
        rule.warning("clock", message)
            .because(Text::fixed(
                "certificates and package indexes are judged by it",
                "证书和软件包索引以它为准",
            ))
            .run(set),
    ]
}
