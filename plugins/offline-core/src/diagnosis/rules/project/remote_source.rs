use super::super::Situation;
use crate::closure::{FetchedSource, RemoteContext, Unbundled, remote_contexts};
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};
use crate::project::Location;

pub(super) static RULE: Rule = Rule {
    id: "remote-source",
    group: Group::Project,
    worst: Severity::Error,
    promise: Text::fixed(
        "No build fetches its context, an ADD or a named context from elsewhere, but what the bundle carries.",
        "没有构建从外部获取上下文、ADD 的文件或命名上下文，离线包携带的除外。",
    ),
    why: Text::fixed(
        "BuildKit asks the server of an https or git source in every build, cached or not, so that no cache can hold it. What ADD fetches over https or from a git repository the bundle carries by itself, as it does git contexts; a context that is a URL it does not.",
        "对 https 或 git 来源，无论是否有缓存，BuildKit 每次构建都会访问服务器，因此缓存无法代替它。ADD 通过 https 或从 git 仓库获取的内容，以及 git 上下文由离线包携带；URL 上下文则不能。",
    ),
    remedy: Text::fixed(
        "Put the file or the clone into the build context and COPY it.",
        "把文件或仓库放进构建上下文，用 COPY 复制。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let Some(closure) = situation.sources.closure() else {
        return Vec::new();
    };
    let contexts = situation.sources.project();
    let contexts = contexts.map(|project| remote_contexts(project, closure));
    let contexts = contexts.unwrap_or_default();
    // An export fetches them, and a bundle that it made holds them.
    let is_held = |id: &str| {
        let bundle = situation.bundle.as_ref();
        bundle.map_or(true, |bundle| bundle.record().holds_fetched(id))
    };
    let is_carried = |one: &&Unbundled| {
        let is = |c: &RemoteContext| c.service == one.service && c.url == one.what;
        contexts.iter().any(|c| is(c) && is_held(&c.id))
    };
    let of_builds = closure.unbundled.iter().filter(|one| !one.is_at_start());
    let of_builds = of_builds.filter(|one| !is_carried(one));
    let unbundled = of_builds.map(|one| {
        let (service, what) = (&one.service, &one.what);
        let location = Location::new(&one.file, one.line);
        let message = text!(
            "service {service}: the build fetches {what}",
            "服务 {service}：构建会获取 {what}"
        );
        rule.error(situation.place(&location), message)
            .of_service(service)
            .at(location)
            .because(Text::fixed(
                "BuildKit asks its server in every build, cached or not",
                "无论是否有缓存，BuildKit 每次构建都会访问服务器",
            ))
            .remedied_by(Text::fixed(
                "put it into the build context and COPY it",
                "把它放进构建上下文，用 COPY 复制",
            ))
    });
    let lacking = closure.fetched.iter().filter(|one| {
        let bundle = situation.bundle.as_ref();
        bundle.is_ok_and(|bundle| !bundle.record().holds_fetched(&one.id))
    });
    let lacking = lacking.map(|one| not_held(rule, situation, one));
    unbundled.chain(lacking).collect()
}

/// An ADD that the bundle was not made for.
fn not_held(rule: &Rule, situation: &Situation<'_>, one: &FetchedSource) -> Finding {
    let (service, what, location) = (&one.service, one.shown(), one.location());
    let message = text!(
        "service {service}: ADD fetches {what}, which the bundle does not hold",
        "服务 {service}：ADD 获取 {what}，而离线包中没有它"
    );
    rule.error(situation.place(&location), message)
        .of_service(service)
        .at(location)
        .because(Text::fixed(
            "an export carries what ADD fetches, and this address was not in the Dockerfile then",
            "导出会携带 ADD 获取的文件，而导出时 Dockerfile 中没有这个地址",
        ))
        .remedied_by(Text::fixed(
            "undo the edit, or export again with this Dockerfile",
            "撤销修改，或用此 Dockerfile 重新导出",
        ))
}
