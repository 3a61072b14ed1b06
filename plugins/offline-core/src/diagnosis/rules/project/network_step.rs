use std::collections::BTreeSet;

use super::super::Situation;
use crate::closure::{BuildClosure, KeyStep, StageBase, StageClosure};
use crate::diagnosis::{
    Finding, Group, Reason, Rule, ServiceTrace, Severity, StepNetwork, StepTrace, Text, Verdict,
    text,
};

pub(super) static RULE: Rule = Rule {
    id: "network-step",
    group: Group::Project,
    worst: Severity::Error,
    promise: Text::fixed(
        "Every step that needs a network is held by the bundle's cache, or answered from its recording; says of each which edits make it run again.",
        "每个需要网络的步骤都在离线包的缓存中，或由其录制内容回答；并说明哪些编辑会使它重新执行。",
    ),
    why: Text::fixed(
        "A step comes from the cache as long as nothing before it in its stage has changed: no file that a COPY takes, no line of the Dockerfile, no build argument, no base image. Once something has, it runs again, and without a network it fails, unless the bundle holds a recording of what it fetched (docker offline export makes one, but with --no-record), from which docker offline build answers.",
        "只要步骤之前的一切不变，它就来自缓存：COPY 的文件、Dockerfile 的行、构建参数、基础镜像都没有变化。一旦有变化就会重新执行，而没有网络时会失败，除非离线包录制了它获取的内容（docker offline export 会录制，除非使用 --no-record），docker offline build 会由此回答。",
    ),
    remedy: Text::fixed(
        "Undo the edit, or make it on the connected machine and export again. docker offline diagnose --why SERVICE names file and line for every step.",
        "撤销该编辑，或在联网机器上修改后重新导出。docker offline diagnose --why SERVICE 会为每个步骤指出文件和行。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let Some(closure) = situation.sources.closure() else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for service in &closure.services {
        let Some(build) = &service.build else {
            continue;
        };
        for stage in &build.stages {
            for step in &stage.steps {
                let recorded = situation.recorded(&service.name, stage.index, step.line);
                let tool = step.network_tool.or((recorded > 0).then_some("RUN"));
                if let Some(tool) = tool {
                    findings.push(one(
                        rule,
                        situation,
                        &service.name,
                        build,
                        stage,
                        step,
                        tool,
                    ));
                }
            }
        }
    }
    findings.into_iter().flatten().collect()
}

fn one(
    rule: &Rule,
    situation: &Situation<'_>,
    service: &str,
    build: &BuildClosure,
    stage: &StageClosure,
    step: &KeyStep,
    tool: &str,
) -> Option<Finding> {
    let location = build.location(step.line);
    let place = situation.place(&location);
    let recorded = situation.recorded(service, stage.index, step.line);
    let ok = |state: Text| {
        let loses = lost_by(build, stage, step.line, recorded > 0);
        let message = Text::made(
            format!("{tool} at {place} {}; {}", state.en, loses.en),
            format!("{place} 的 {tool} {}；{}", state.zh, loses.zh),
        );
        let finding = rule.ok(place.clone(), message);
        Some(finding.of_service(service).at(location.clone()))
    };
    let trace = situation.traces.iter().find(|t| t.service == service);
    let Some(trace) = trace else {
        // `bundle-complete` speaks of services that an existing bundle lacks.
        situation.bundle.is_err().then_some(())?;
        return ok(Text::fixed(
            "needs a network, or a bundle that holds it",
            "需要网络，或缓存了它的离线包",
        ));
    };
    let stage_trace = trace.stages.iter().find(|s| s.index == stage.index)?;
    let traced = stage_trace.steps.iter().find(|s| s.line == step.line)?;
    if traced.verdict == Verdict::Hit {
        return ok(Text::fixed("is held by the bundle", "已在离线包的缓存中"));
    }
    let (first, reason) = stage_trace.first_miss()?;
    match traced.network {
        Some(StepNetwork::Recorded) => {
            let message = text!(
                "service {service}: {tool} at {place} runs again, and its {recorded} requests are answered from the recorded network",
                "服务 {service}：{place} 的 {tool} 会重新执行，它的 {recorded} 个请求由录制的网络回答"
            );
            let note = rule.note(place, message).of_service(service).at(location);
            return Some(note.because(cause(situation, build, first, reason)));
        }
        // The recording saw that it asks for nothing.
        None => return None,
        Some(StepNetwork::Unknown) => {
            let message = text!(
                "service {service}: {tool} at {place} was written since the export: it may ask for what is not recorded",
                "服务 {service}：{place} 的 {tool} 是导出之后写的：它可能请求没有录制的内容"
            );
            let warning = rule
                .warning(place, message)
                .of_service(service)
                .at(location);
            return Some(
                warning
                    .because(cause(situation, build, first, reason))
                    .remedied_by(Text::fixed(
                        "docker offline build tries it, and names what is missing; --wanted wanted.json writes it down",
                        "docker offline build 会尝试并指出缺少的内容；--wanted wanted.json 会写下来",
                    ))
                    .run("docker offline build --wanted wanted.json"),
            );
        }
        Some(StepNetwork::Lost | StepNetwork::Cached) => {}
    }
    // What an engine makes of a bundle is `build-cache`'s to say.
    if matches!(root(trace, reason), Reason::Engine { .. }) {
        return None;
    }
    let message = text!(
        "service {service}: {tool} at {place} will run again, without a network",
        "服务 {service}：{place} 的 {tool} 会在无网络时重新执行"
    );
    let bundle = situation.bundle.as_ref().ok();
    let unrecorded = bundle.and_then(|bundle| bundle.record().unrecorded(service));
    let cause = cause(situation, build, first, reason);
    let cause = match unrecorded {
        None if traced.past => Text::made(
            format!(
                "{}; and when it was recorded, what it fetches went past the recording",
                cause.en
            ),
            format!("{}；而且录制时它获取的内容绕过了录制", cause.zh),
        ),
        None => cause,
        Some(one) => Text::made(
            format!(
                "{}; and the export could not record what the service fetches ({})",
                cause.en,
                one.words()
            ),
            format!(
                "{}；而且导出时无法录制该服务获取的内容（{}）",
                cause.zh,
                one.words()
            ),
        ),
    };
    Some(
        rule.error(place, message)
            .of_service(service)
            .at(location)
            .because(cause)
            .remedied_by(Text::fixed(
                "undo the edit, or export again with it; for every step",
                "撤销编辑，或带着它重新导出；查看每个步骤",
            ))
            .run(format!("docker offline diagnose --why {service}")),
    )
}

/// Why the first step that is not found is not.
fn cause(
    situation: &Situation<'_>,
    build: &BuildClosure,
    first: &StepTrace,
    reason: &Reason,
) -> Text {
    let words = reason.words();
    let at = situation.place(&build.location(first.line));
    Text::made(
        format!("{at} is not found in the cache: {}", words.en),
        format!("{at} 在缓存中找不到：{}", words.zh),
    )
}

/// What the first cause was, where one stage misses because of another.
fn root<'a>(trace: &'a ServiceTrace, reason: &'a Reason) -> &'a Reason {
    let Reason::Stage { name, .. } = reason else {
        return reason;
    };
    let other = trace.stages.iter().find(|stage| stage.name == *name);
    match other.and_then(|stage| stage.first_miss()) {
        Some((_, reason)) => root(trace, reason),
        None => reason,
    }
}

/// The edits that make a step run again: of files that are copied before it, in
/// its stage or in those it starts from, and of the Dockerfile above it.
fn lost_by(build: &BuildClosure, stage: &StageClosure, line: u32, recorded: bool) -> Text {
    let (en, zh) = if recorded {
        (
            "makes it run again, answered from the recording",
            "会使它重新执行，由录制内容回答",
        )
    } else {
        ("loses it", "会使它失效")
    };
    let mut files = BTreeSet::new();
    let mut first = stage.line;
    for (of, step) in before(build, stage, line) {
        first = first.min(of.line);
        files.extend(step.sources.iter().cloned());
    }
    let (first, last) = (first + build.line_offset, line + build.line_offset);
    let everything = |file: &String| matches!(file.as_str(), "." | "./" | "/" | "*");
    if files.iter().any(everything) {
        return text!(
            "an edit of any file in the context or of lines {first} to {last} {en}",
            "编辑上下文中的任何文件或第 {first} 至 {last} 行都{zh}"
        );
    }
    let files: Vec<String> = files.into_iter().collect();
    if files.is_empty() {
        return text!(
            "only an edit of lines {first} to {last} {en}",
            "只有编辑第 {first} 至 {last} 行才{zh}"
        );
    }
    text!(
        "an edit of {files} or of lines {first} to {last} {en}",
        "编辑 {files} 或第 {first} 至 {last} 行{zh}",
        files = files.join(", "),
    )
}

/// The steps that come before a line of a stage, those of the stages it starts
/// from included.
pub(super) fn before<'a>(
    build: &'a BuildClosure,
    stage: &'a StageClosure,
    line: u32,
) -> Vec<(&'a StageClosure, &'a KeyStep)> {
    let mut steps: Vec<_> = stage
        .steps
        .iter()
        .filter(|step| step.line <= line)
        .map(|step| (stage, step))
        .collect();
    let mut base = &stage.base;
    while let StageBase::Stage(index) = base {
        let Some(below) = build.stage(*index) else {
            break;
        };
        steps.extend(below.steps.iter().map(|step| (below, step)));
        base = &below.base;
    }
    steps
}
