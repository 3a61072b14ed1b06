use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};

pub(super) static RULE: Rule = Rule {
    id: "proxy",
    group: Group::Host,
    worst: Severity::Warning,
    promise: Text::fixed(
        "No proxy is left set on a machine that has no way out.",
        "没有出口的机器上没有遗留的代理设置。",
    ),
    why: Text::fixed(
        "A proxy left in the environment, in ~/.docker/config.json or in daemon.json makes every request wait for a machine that does not answer, instead of failing at once. Those of ~/.docker/config.json are also put into builds and containers, where they break calls between services. They are looked for where this machine has no default route; proxies are no part of cache keys (engine fact 7).",
        "遗留在环境变量、~/.docker/config.json 或 daemon.json 中的代理会让每个请求都等待一台不应答的机器，而不是立即失败。~/.docker/config.json 中的代理还会进入构建和容器，破坏服务之间的访问。仅在本机没有默认路由时检查；代理不是缓存键的一部分（见 engine fact 7）。",
    ),
    remedy: Text::fixed(
        "unset HTTP_PROXY HTTPS_PROXY (and in lower case); remove \"proxies\" from ~/.docker/config.json and daemon.json, and restart the engine.",
        "unset HTTP_PROXY HTTPS_PROXY（以及小写形式）；从 ~/.docker/config.json 和 daemon.json 删除 \"proxies\"，并重启引擎。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    if situation.machine.network.has_default_route {
        return Vec::new();
    }
    let mut places = situation.machine.proxies.clone();
    if let Ok(engine) = &situation.facts.engine {
        for proxy in &engine.info.proxies {
            // The engine prints its own without names and passwords.
            let bare = without_password(proxy);
            if !places
                .iter()
                .any(|(_, known)| without_password(known) == bare)
            {
                places.push(("docker info".into(), proxy.clone()));
            }
        }
    }
    places.retain(|(_, proxy)| !is_loopback(proxy));
    let finding = |(place, proxy): &(String, String)| {
        let proxy = without_password(proxy);
        let message = text!(
            "the proxy {proxy} is set in {place}, and this machine has no way out",
            "{place} 设置了代理 {proxy}，而本机没有出口"
        );
        let finding = rule.warning(place.as_str(), message).because(Text::fixed(
            "whatever asks it waits, instead of failing at once",
            "访问它的程序会一直等待，而不是立即失败",
        ));
        match place.strip_prefix('$') {
            Some(name) => finding.run(format!("unset {name}")),
            None => finding.remedied_by(text!(
                "remove it from there; restart the engine where it was the engine's",
                "从那里删除；如果是引擎的设置，重启引擎"
            )),
        }
    };
    places.iter().map(finding).collect()
}

pub(super) fn is_loopback(url: &str) -> bool {
    let host = url.rsplit("://").next().unwrap_or(url);
    let host = host.rsplit('@').next().unwrap_or(host);
    host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]")
}

/// `http://user:password@host` without what nobody else should read.
fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        _ => url.to_owned(),
    }
}
