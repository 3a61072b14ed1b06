use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};
use crate::project::Location;

pub(super) static RULE: Rule = Rule {
    id: "remote-source",
    group: Group::Project,
    worst: Severity::Error,
    promise: Text::fixed(
        "No build fetches its context, an ADD or a named context from elsewhere.",
        "没有构建从外部获取上下文、ADD 的文件或命名上下文。",
    ),
    why: Text::fixed(
        "BuildKit asks the server of an https or git source in every build, cached or not, so that no cache can hold it.",
        "对 https 或 git 来源，无论是否有缓存，BuildKit 每次构建都会访问服务器，因此缓存无法代替它。",
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
    let of_builds = closure.unbundled.iter().filter(|one| !one.is_at_start());
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
    unbundled.collect()
}
