use super::super::Situation;
use crate::compatibility::NEWEST_KNOWN;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};

/// What a version means for a bundle is `build-cache`'s to say.
pub(super) static RULE: Rule = Rule {
    id: "engine-version",
    group: Group::Host,
    worst: Severity::Note,
    promise: Text::fixed(
        "The engine's version is a number that can be compared.",
        "引擎版本号可以比较。",
    ),
    why: Text::fixed(
        "Cache keys belong to a generation of engines, its first number. An engine built by hand may have no such number; then it cannot be foretold what hits. A generation that is newer than this program is taken for the newest that it knows.",
        "缓存键属于引擎的某一代，即版本号的第一个数字。自行编译的引擎可能没有版本号，此时无法预知哪些缓存会命中。比本程序更新的一代，按本程序所知最新的一代处理。",
    ),
    remedy: Text::fixed(
        "Nothing has to be done; try docker offline build and look at the steps that run.",
        "无需处理；可以试着运行 docker offline build，看哪些步骤会重新执行。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let Ok(engine) = &situation.facts.engine else {
        return Vec::new();
    };
    let message = text!(
        "engine {version} with API {api}",
        "引擎 {version}，API {api}",
        version = engine.info.version,
        api = engine.api_version,
    );
    vec![match engine.info.generation() {
        0 => rule.note("engine", message).because(Text::fixed(
            "its version has no number to compare",
            "它的版本号没有可比较的数字",
        )),
        newer if newer > NEWEST_KNOWN => rule.note("engine", message).because(text!(
            "it is newer than the newest known generation, {NEWEST_KNOWN}, and is taken for it",
            "它比已知最新的一代（{NEWEST_KNOWN}）更新，按该代处理",
        )),
        _ => rule.ok("engine", message),
    }]
}
