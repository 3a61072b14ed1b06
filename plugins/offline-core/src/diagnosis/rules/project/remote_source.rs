use super::super::Situation;
use crate::closure::{
    FetchedSource, RemoteContext, Unbundled, remote_contexts, without_credentials,
};
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};
use crate::project::{Location, remote_files};

pub(super) static RULE: Rule = Rule {
    id: "remote-source",
    group: Group::Project,
    worst: Severity::Error,
    promise: Text::fixed(
        "No build fetches its context, an ADD or a named context from elsewhere, but what the bundle carries, and Compose fetches no file of the project.",
        "没有构建从外部获取上下文、ADD 的文件或命名上下文（离线包携带的除外），Compose 也不获取项目文件。",
    ),
    why: Text::fixed(
        "BuildKit asks the server of an https or git source in every build, cached or not, so that no cache can hold it. What ADD fetches over https or from a git repository the bundle carries by itself, as it does git contexts and a Dockerfile that is a context; a context that is an archive it does not. What include and extends name elsewhere Compose asks for each time it reads the project.",
        "对 https 或 git 来源，无论是否有缓存，BuildKit 每次构建都会访问服务器，因此缓存无法代替它。ADD 通过 https 或从 git 仓库获取的内容，以及 git 上下文和作为上下文的 Dockerfile 由离线包携带；归档上下文则不能。include 和 extends 指向外部的文件，Compose 每次读取项目时都会访问。",
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
    let files = situation.sources.project().map(|p| remote_files(&p.files));
    let files = files.unwrap_or_default();
    let files = files
        .iter()
        .map(|(url, at)| of_compose(rule, situation, url, at));
    unbundled.chain(lacking).chain(files).collect()
}

/// A Compose file that Compose fetches.
fn of_compose(rule: &Rule, situation: &Situation<'_>, url: &str, location: &Location) -> Finding {
    let what = without_credentials(url);
    let message = text!(
        "Compose fetches {what} each time it reads the project",
        "Compose 每次读取项目时都会获取 {what}"
    );
    rule.error(situation.place(location), message)
        .at(location.clone())
        .because(Text::fixed(
            "a site without a network can read the project as little as build it",
            "没有网络的现场无法读取项目，更无法构建",
        ))
        .remedied_by(Text::fixed(
            "clone it beside the project, and name the file there under include or extends",
            "把它克隆到项目旁边，在 include 或 extends 中改用其中的文件",
        ))
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
