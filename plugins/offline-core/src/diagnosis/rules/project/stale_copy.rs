use super::super::Situation;
use crate::bundle::stale_copies;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};
use crate::project::Location;

pub(super) static RULE: Rule = Rule {
    id: "stale-copy",
    group: Group::Project,
    worst: Severity::Warning,
    promise: Text::fixed(
        "Plain Compose builds from what the Dockerfiles say now.",
        "普通 Compose 按 Dockerfile 当前的内容构建。",
    ),
    why: Text::fixed(
        "On a site Compose builds a service whose Dockerfile has ADD https://... from a copy that reads the bundle. docker offline build writes it anew, and the container of --stay follows edits; until then Compose builds what the Dockerfile said before.",
        "在现场，若 Dockerfile 含有 ADD https://...，Compose 从读取离线包的副本构建该服务。docker offline build 会重新写入副本，--stay 的容器会跟随修改；在此之前，Compose 构建的是 Dockerfile 以前的内容。",
    ),
    remedy: Text::fixed(
        "Run docker offline build after an edit of such a Dockerfile.",
        "修改这样的 Dockerfile 之后，运行 docker offline build。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let Some(closure) = situation.sources.closure() else {
        return Vec::new();
    };
    let stale = stale_copies(closure, situation.unpacked).into_iter();
    let finding = |service: String| {
        let build = closure.service(&service)?.build.as_ref()?;
        let location = Location::new(&build.dockerfile_path, None);
        let message = text!(
            "service {service}: Compose builds from a copy of the Dockerfile as it was before",
            "服务 {service}：Compose 从 Dockerfile 以前的副本构建"
        );
        let finding = rule
            .warning(situation.place(&location), message)
            .of_service(&service)
            .at(location)
            .because(Text::fixed(
                "its ADD lines read the bundle in that copy, which docker offline build writes",
                "副本中的 ADD 行读取离线包，由 docker offline build 写入",
            ));
        Some(finding.run("docker offline build"))
    };
    stale.filter_map(finding).collect()
}
