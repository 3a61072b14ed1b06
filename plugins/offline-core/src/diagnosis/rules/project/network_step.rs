use std::collections::BTreeSet;

use super::super::Situation;
use crate::closure::{BuildClosure, KeyStep, StageBase, StageClosure};
use crate::diagnosis::{
    Finding, Group, Reason, Rule, ServiceTrace, Severity, StepNetwork, StepTrace, Text, Verdict,
    text,
};
use crate::project::Location;

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
                let asking = tool.map(|tool| {
                    let location = build.location(step.line);
                    Asking {
                        rule,
                        situation,
                        service: &service.name,
                        build,
                        stage,
                        step,
                        tool,
                        recorded,
                        place: situation.place(&location),
                        location,
                    }
                });
                findings.extend(asking.and_then(|asking| asking.finding()));
            }
        }
    }
    findings
}

/// A step that asks for a network.
struct Asking<'a> {
    rule: &'a Rule,
    situation: &'a Situation<'a>,
    service: &'a str,
    build: &'a BuildClosure,
    stage: &'a StageClosure,
    step: &'a KeyStep,
    /// What asks.
    tool: &'a str,
    /// How many of its requests are recorded.
    recorded: u64,
    location: Location,
    /// The same in few words.
    place: String,
}

impl Asking<'_> {
    fn finding(&self) -> Option<Finding> {
        let mut all = self.situation.traces.iter();
        let Some(trace) = all.find(|t| t.service == self.service) else {
            // `bundle-complete` speaks of services that an existing bundle lacks.
            self.situation.bundle.is_err().then_some(())?;
            return Some(self.ok(&Text::fixed(
                "needs a network, or a bundle that holds it",
                "需要网络，或缓存了它的离线包",
            )));
        };
        let stage = trace.stages.iter().find(|s| s.index == self.stage.index)?;
        let traced = stage.steps.iter().find(|s| s.line == self.step.line)?;
        if traced.verdict == Verdict::Hit {
            return Some(self.ok(&Text::fixed("is held by the bundle", "已在离线包的缓存中")));
        }
        let (first, reason) = stage.first_miss()?;
        let cause = cause(self.situation, self.build, first, reason);
        match traced.network {
            Some(StepNetwork::Recorded) => Some(self.replayed(cause)),
            // The recording saw that it asks for nothing.
            None => None,
            Some(StepNetwork::Unknown) => Some(self.written_since(cause)),
            // What an engine makes of a bundle is `build-cache`'s to say.
            Some(StepNetwork::Lost | StepNetwork::Cached) => {
                let of_engine = matches!(root(trace, reason), Reason::Engine { .. });
                (!of_engine).then(|| self.lost(traced, cause))
            }
        }
    }

    fn ok(&self, state: &Text) -> Finding {
        let Self { tool, place, .. } = self;
        let loses = lost_by(self.build, self.stage, self.step.line, self.recorded > 0);
        let message = Text::made(
            format!("{tool} at {place} {}; {}", state.en, loses.en),
            format!("{place} 的 {tool} {}；{}", state.zh, loses.zh),
        );
        self.here(self.rule.ok(place.clone(), message))
    }

    fn replayed(&self, cause: Text) -> Finding {
        let Self {
            service,
            tool,
            place,
            recorded,
            ..
        } = self;
        let message = text!(
            "service {service}: {tool} at {place} runs again, and its {recorded} requests are answered from the recorded network",
            "服务 {service}：{place} 的 {tool} 会重新执行，它的 {recorded} 个请求由录制的网络回答"
        );
        self.here(self.rule.note(place.clone(), message))
            .because(cause)
    }

    fn written_since(&self, cause: Text) -> Finding {
        let Self {
            service,
            tool,
            place,
            ..
        } = self;
        let message = text!(
            "service {service}: {tool} at {place} was written since the export: it may ask for what is not recorded",
            "服务 {service}：{place} 的 {tool} 是导出之后写的：它可能请求没有录制的内容"
        );
        self.here(self.rule.warning(place.clone(), message))
            .because(cause)
            .remedied_by(Text::fixed(
                "docker offline build tries it, and names what is missing; --wanted wanted.json writes it down",
                "docker offline build 会尝试并指出缺少的内容；--wanted wanted.json 会写下来",
            ))
            .run("docker offline build --wanted wanted.json")
    }

    fn lost(&self, traced: &StepTrace, cause: Text) -> Finding {
        let Self {
            service,
            tool,
            place,
            ..
        } = self;
        let message = text!(
            "service {service}: {tool} at {place} will run again, without a network",
            "服务 {service}：{place} 的 {tool} 会在无网络时重新执行"
        );
        self.here(self.rule.error(place.clone(), message))
            .because(self.why_no_recording_helps(traced, cause))
            .remedied_by(Text::fixed(
                "undo the edit, or export again with it; for every step",
                "撤销编辑，或带着它重新导出；查看每个步骤",
            ))
            .run(format!("docker offline diagnose --why {service}"))
    }

    fn why_no_recording_helps(&self, traced: &StepTrace, cause: Text) -> Text {
        let bundle = self.situation.bundle.as_ref().ok();
        match bundle.and_then(|bundle| bundle.record().unrecorded(self.service)) {
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
        }
    }

    fn here(&self, finding: Finding) -> Finding {
        finding.of_service(self.service).at(self.location.clone())
    }
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
