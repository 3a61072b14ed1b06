use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};

pub(super) static RULE: Rule = Rule {
    id: "dns-black-hole",
    group: Group::Host,
    worst: Severity::Warning,
    promise: Text::fixed(
        "No name look-up would hang on a gateway or name server that is silent.",
        "域名查询不会卡在没有应答的网关或域名服务器上。",
    ),
    why: Text::fixed(
        "Where a route exists but nobody answers behind it, each look-up waits 5 seconds, twice or more, before it fails; a build with such a step seems to hang. Nothing is sent to find out: the kernel's neighbour table says who has not answered.",
        "有路由但对端没有应答时，每次查询要等 5 秒，重复两次以上才失败；含有这类步骤的构建看起来像卡死。检查时不发送任何数据：内核的邻居表记录了谁没有应答。",
    ),
    remedy: Text::fixed(
        "Where there is no network, take the default route away (sudo ip route del default) or empty /etc/resolv.conf: then look-ups fail at once.",
        "没有网络时，删除默认路由（sudo ip route del default）或清空 /etc/resolv.conf，查询就会立即失败。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let network = &situation.machine.network;
    if network.name_servers.is_empty() {
        return Vec::new();
    }
    let silent = network.silent.iter().map(|address| {
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
    silent.collect()
}
