use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};
use crate::engine::Error;

pub(super) static RULE: Rule = Rule {
    id: "builder",
    group: Group::Host,
    worst: Severity::Error,
    promise: Text::fixed(
        "Builds go to the engine itself, which has the images that were loaded.",
        "构建由引擎自身执行，引擎里有已加载的镜像。",
    ),
    why: Text::fixed(
        "A builder with the docker-container, kubernetes or remote driver has an image store of its own. It cannot see what docker load put into the engine, and asks a registry instead.",
        "使用 docker-container、kubernetes 或 remote 驱动的构建器有自己的存储，看不到 docker load 加载到引擎里的镜像，会转而访问镜像仓库。",
    ),
    remedy: Text::fixed(
        "Choose the engine's own builder: docker buildx use default. Where BUILDX_BUILDER is set, unset it.",
        "选用引擎自带的构建器：docker buildx use default。如果设置了 BUILDX_BUILDER，请取消。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    // Without its engine, buildx does not know the driver either.
    if situation.facts.engine.is_err() {
        return Vec::new();
    }
    let builder = match &situation.facts.builder {
        Ok(builder) => builder,
        // What is missing is said once, by the rule that it belongs to.
        Err(Error::DockerMissing | Error::BuildxMissing) => return Vec::new(),
        Err(error) => {
            let message = text!(
                "the active builder cannot be asked: {error}",
                "无法查询当前构建器：{error}"
            );
            return vec![rule.warning("buildx", message).run("docker buildx inspect")];
        }
    };
    let (name, driver) = (&builder.name, &builder.driver);
    if driver == "docker" {
        let message = Text::fixed("builds go to the engine itself", "构建由引擎自身执行");
        return vec![rule.ok(name, message)];
    }
    let message = text!(
        "the active builder {name} has the {driver} driver",
        "当前构建器 {name} 使用 {driver} 驱动"
    );
    vec![
        rule.error(name, message)
            .because(Text::fixed(
                "such a builder cannot see the images that were loaded into the engine",
                "这种构建器看不到已加载到引擎里的镜像",
            ))
            .run("docker buildx use default"),
    ]
}
