use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};

pub(super) static RULE: Rule = Rule {
    id: "image-store",
    group: Group::Host,
    worst: Severity::Ok,
    promise: Text::fixed(
        "Says which image store the engine uses: graphdriver or containerd.",
        "说明引擎使用哪种镜像存储：graphdriver 还是 containerd。",
    ),
    why: Text::fixed(
        "The two stores name images by other digests, and COPY --link has other cache keys on each. What that means for a bundle is said by build-cache.",
        "两种存储用不同的摘要标识镜像，COPY --link 的缓存键也不同。对离线包的影响由 build-cache 说明。",
    ),
    remedy: Text::fixed("Nothing has to be done.", "无需处理。"),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let Ok(engine) = &situation.facts.engine else {
        return Vec::new();
    };
    let message = text!(
        "{store} image store ({driver})",
        "镜像存储 {store}（{driver}）",
        store = engine.info.store,
        driver = engine.info.driver,
    );
    vec![rule.ok("engine", message)]
}
