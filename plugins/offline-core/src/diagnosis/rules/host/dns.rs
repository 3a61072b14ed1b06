use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};

pub(super) static RULE: Rule = Rule {
    id: "dns-black-hole",
    group: Group::Host,
    worst: Severity::Warning,
    promise: Text::fixed(
        "No name look-up and no connection hangs on a machine that is silent.",
        "域名查询和连接都不会卡在没有应答的机器上。",
    ),
    why: Text::fixed(
        "Where a route exists but nobody answers behind it, each look-up waits 5 seconds, twice or more, before it fails; a build with such a step seems to hang. Nothing is sent to find out: the kernel's tables say which neighbours and which attempts to connect have not been answered.",
        "有路由但对端没有应答时，每次查询要等 5 秒，重复两次以上才失败；含有这类步骤的构建看起来像卡死。检查时不发送任何数据：内核的表中记录了哪些邻居和哪些连接没有应答。",
    ),
    remedy: Text::fixed(
        "Where there is no network, take the default route away (sudo ip route del default) or empty /etc/resolv.conf: then look-ups fail at once.",
        "没有网络时，删除默认路由（sudo ip route del default）或清空 /etc/resolv.conf，查询就会立即失败。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let network = &situation.machine.network;
    let hanging = network.unanswered.iter().map(|address| {
        let message = text!(
            "something on this machine tries to connect to {address}, which does not answer",
            "本机有程序在连接 {address}，而对方没有应答"
        );
        rule.warning(address.as_str(), message)
            .because(Text::fixed(
                "such an attempt hangs for two minutes before it fails, and so will a step that makes one",
                "这样的连接要挂起两分钟才失败，构建步骤也会如此",
            ))
            .remedied_by(Text::fixed("to see which program it is", "查看是哪个程序"))
            .run("sudo ss -ntp state syn-sent")
    });
    let looked_up = network
        .silent
        .iter()
        .filter(|_| !network.name_servers.is_empty());
    let silent = looked_up.map(|address| {
        let message = text!(
            "{address} does not answer, and name look-ups go through it",
            "{address} 没有应答，而域名查询要经过它"
        );
        rule.warning(address.as_str(), message)
            .because(Text::fixed(
                "each look-up waits for it 5 seconds and more, so that steps seem to hang",
                "每次查询要等 5 秒以上，步骤看起来像卡死",
            ))
            .run("sudo ip route del default")
    });
    silent.chain(hanging).collect()
}
