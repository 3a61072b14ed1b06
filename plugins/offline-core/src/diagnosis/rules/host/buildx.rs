use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};
use crate::engine::Error;

/// The oldest buildx that has been seen to work (Debian's trixie).
const SEEN_SINCE: (u32, u32) = (0, 13);

pub(super) static RULE: Rule = Rule {
    id: "buildx",
    group: Group::Host,
    worst: Severity::Error,
    promise: Text::fixed(
        "The buildx plugin is installed, and new enough.",
        "已安装足够新的 buildx 插件。",
    ),
    why: Text::fixed(
        "The build cache is warmed through docker buildx bake. Before 0.13 it has not been tried.",
        "构建缓存通过 docker buildx bake 预热。0.13 以前的版本未经验证。",
    ),
    remedy: Text::fixed(
        "Install the package docker-buildx-plugin (or docker-buildx); one file in ~/.docker/cli-plugins is enough.",
        "安装软件包 docker-buildx-plugin（或 docker-buildx）；也可以只把一个文件放进 ~/.docker/cli-plugins。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    match &situation.facts.buildx {
        Ok(version) => {
            // "github.com/docker/buildx v0.29.1 a1b2c3", or the number alone.
            let number = version.split_whitespace().nth(1).unwrap_or(version);
            let number = number.trim_start_matches('v');
            let message = text!("buildx {number}", "buildx {number}");
            let old = crate::compatibility::major_minor(number).is_some_and(|v| v < SEEN_SINCE);
            vec![if old {
                rule.warning("buildx", message)
                    .because(Text::fixed(
                        "only 0.13 and newer have been tried",
                        "只验证过 0.13 及更新的版本",
                    ))
                    .remedied_by(Text::fixed(
                        "install a newer buildx plugin",
                        "安装更新的 buildx 插件",
                    ))
            } else {
                rule.ok("buildx", message)
            }]
        }
        // That docker itself is missing is said once, of the engine.
        Err(Error::DockerMissing) => Vec::new(),
        Err(Error::BuildxMissing) => vec![
            rule.error(
                "buildx",
                Text::fixed("docker buildx is not installed", "没有安装 docker buildx"),
            )
            .remedied_by(Text::fixed(
                "install the package docker-buildx-plugin or docker-buildx, then check",
                "安装软件包 docker-buildx-plugin 或 docker-buildx，然后检查",
            ))
            .run("docker buildx version"),
        ],
        Err(error) => vec![
            rule.error("buildx", text!("{error}", "无法查询 buildx：{error}"))
                .run("docker buildx version"),
        ],
    }
}
