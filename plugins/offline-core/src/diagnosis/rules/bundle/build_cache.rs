use super::super::Situation;
use crate::closure::{BuildClosure, Closure};
use crate::compatibility::{Engine, Miss, Reason, misses};
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};
use crate::engine::Store;

pub(super) static RULE: Rule = Rule {
    id: "build-cache",
    group: Group::Bundle,
    worst: Severity::Error,
    promise: Text::fixed(
        "The bundle's build cache hits on this engine.",
        "离线包的构建缓存在本引擎上命中。",
    ),
    why: Text::fixed(
        "Cache keys differ between generations of engines: nothing crosses from 20.10, and RUN --mount crosses from no generation to another. COPY --link has other keys on the other kind of image store, and on a containerd store in another generation (engine facts 11 and 13).",
        "不同代的引擎缓存键不同：20.10 的缓存完全不能跨代，RUN --mount 也都不能跨代。COPY --link 在两种镜像存储上的键不同，在 containerd 存储上也不能跨代（见 engine fact 11 和 13）。",
    ),
    remedy: Text::fixed(
        "Export on an engine of the site's generation and store (docker offline export --site-engine VERSION,STORE says beforehand what misses), or bring the site to the exporter's, or drop the --mount or --link.",
        "用与现场同代、同存储的引擎导出（docker offline export --site-engine VERSION,STORE 会预先说明哪些不命中），或升级现场引擎，或去掉 --mount、--link。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let (Ok(engine), Ok(bundle)) = (&situation.facts.engine, situation.bundle) else {
        return Vec::new();
    };
    let (from, to) = (bundle.record().maker(), Engine::from(&engine.info));
    let Some(closure) = situation.sources.closure() else {
        return vec![without_project(rule, &from, &to)];
    };
    let findings: Vec<Finding> = misses(closure, &from, &to)
        .iter()
        .filter_map(|miss| missed(rule, situation, closure, miss, &from, &to))
        .collect();
    if findings.is_empty() {
        return vec![hits(rule, &from, &to)];
    }
    findings
}

fn hits(rule: &Rule, from: &Engine, to: &Engine) -> Finding {
    let message = text!(
        "what {from} has cached hits on {to}",
        "{from} 的缓存在 {to} 上命中"
    );
    rule.ok("bundle", message)
}

fn missed(
    rule: &Rule,
    situation: &Situation<'_>,
    closure: &Closure,
    miss: &Miss,
    from: &Engine,
    to: &Engine,
) -> Option<Finding> {
    let build = closure.service(&miss.service)?.build.as_ref()?;
    let service = &miss.service;
    let location = build.location(miss.line);
    let subject = situation.place(&location);
    let finding = match miss.network {
        Some((line, tool)) if is_recorded(situation, service, build, line) => {
            let place = situation.place(&build.location(line));
            let message = text!(
                "service {service}: {tool} at {place} runs again here, and is answered from the recorded network",
                "服务 {service}：{place} 的 {tool} 会在此重新执行，由录制的网络回答"
            );
            let (why, _) = engine_words(miss.reason, from, to);
            let note = rule.note(subject, message).of_service(service);
            return Some(note.at(location).because(why));
        }
        Some((line, tool)) => {
            let place = situation.place(&build.location(line));
            rule.error(
                subject,
                text!(
                    "service {service} cannot be built here: {tool} at {place} would run again, without a network",
                    "服务 {service} 无法在此构建：{place} 的 {tool} 会在无网络时重新执行"
                ),
            )
        }
        None if miss.reruns.is_empty() => return None,
        None => {
            let lines: Vec<String> = miss
                .reruns
                .iter()
                .map(|(line, _)| (line + build.line_offset).to_string())
                .collect();
            rule.warning(
                subject,
                text!(
                    "service {service}: RUN at line {lines} will run again here",
                    "服务 {service}：第 {lines} 行的 RUN 会在此重新执行",
                    lines = lines.join(", "),
                ),
            )
        }
    };
    let (why, remedy) = engine_words(miss.reason, from, to);
    Some(
        finding
            .of_service(service)
            .at(location)
            .because(why)
            .remedied_by(remedy),
    )
}

/// Whether the bundle's recording answers to the step at a line.
fn is_recorded(situation: &Situation<'_>, service: &str, build: &BuildClosure, line: u32) -> bool {
    let mut stages = build.stages.iter();
    stages.any(|stage| situation.recorded(service, stage.index, line) > 0)
}

/// Why an engine makes another key, and what to do.
pub(in crate::diagnosis) fn engine_words(
    reason: Reason,
    from: &Engine,
    to: &Engine,
) -> (Text, Text) {
    let (there, here) = (from.generation(), to.generation());
    let store = |engine: &Engine, other: &str| {
        engine
            .store
            .map_or_else(|| other.to_owned(), |s| s.to_string())
    };
    let why = Text::made(
        reason.words(from, to),
        match reason {
            Reason::Generation => {
                format!("{from} 的构建缓存不能用于 {to}：BuildKit 计算出的键不同")
            }
            Reason::RunMount => {
                format!("带 --mount 的 RUN 在引擎 {here} 上的缓存键与引擎 {there} 不同")
            }
            Reason::CopyLink if from.store == to.store => {
                format!(
                    "在 containerd 存储上，COPY --link 的缓存键在引擎 {here} 与引擎 {there} 上不同"
                )
            }
            Reason::CopyLink => format!(
                "COPY --link 在 {} 存储上的缓存键与 {} 存储不同",
                store(to, "另一种"),
                store(from, "另一种")
            ),
            Reason::CopyPattern => {
                format!("源路径带 * 或 ? 的 COPY 在 {to} 上的缓存键与 {from} 不同")
            }
        },
    );
    let remedy = Text::made(
        reason.remedy(from, to),
        match reason {
            Reason::Generation => format!("用引擎 {here} 导出，或把现场升级到引擎 {there}"),
            Reason::RunMount => {
                format!("用引擎 {here} 导出，或把现场升级到引擎 {there}，或去掉 --mount")
            }
            Reason::CopyLink if there != here && to.store == Some(Store::Containerd) => {
                format!("用 containerd 存储的引擎 {here} 导出，或去掉 --link")
            }
            Reason::CopyLink => {
                format!("用 {} 存储的引擎导出，或去掉 --link", store(to, "现场"))
            }
            Reason::CopyPattern => format!(
                "用现场的引擎导出，或把现场换成引擎 {}，或不用 * 和 ? 而写出文件名",
                from.version
            ),
        },
    );
    (why, remedy)
}

/// Which steps miss cannot be said without the Dockerfiles.
fn without_project(rule: &Rule, from: &Engine, to: &Engine) -> Finding {
    let remedy = Text::fixed(
        "in the project's folder, docker offline diagnose names the steps that will miss",
        "在项目目录中运行 docker offline diagnose，会指出不命中的步骤",
    );
    if from.generation() != to.generation() {
        let message = text!(
            "the bundle's caches are of {from}, this is {to}",
            "离线包的缓存来自 {from}，本机是 {to}"
        );
        return rule
            .warning("bundle", message)
            .because(Text::fixed(
                "cache keys differ between engine generations, of RUN --mount at least",
                "不同代引擎的缓存键不同，至少 RUN --mount 不同",
            ))
            .remedied_by(remedy);
    }
    if from.store != to.store {
        let message = text!(
            "the bundle was exported on {from}, this is {to}",
            "离线包由 {from} 导出，本机是 {to}"
        );
        return rule
            .note("bundle", message)
            .because(Text::fixed(
                "COPY --link has other cache keys on the other kind of image store",
                "COPY --link 在另一种镜像存储上的缓存键不同",
            ))
            .remedied_by(remedy);
    }
    hits(rule, from, to)
}
