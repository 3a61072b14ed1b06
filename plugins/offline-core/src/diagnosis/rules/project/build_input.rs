use super::super::Situation;
use crate::closure::{Absence, AbsentInput, absent_inputs};
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, Verdict, text};

pub(super) static RULE: Rule = Rule {
    id: "build-input",
    group: Group::Project,
    worst: Severity::Error,
    promise: Text::fixed(
        "The secrets, ssh agents and additional contexts of every build are there.",
        "每个构建的密钥、ssh 代理和附加上下文都存在。",
    ),
    why: Text::fixed(
        "buildx looks at build.secrets, build.ssh and additional_contexts before any cache: where one is missing it refuses the build at once, although every step is cached and no cache key depends on what a secret holds. On site docker offline build puts a placeholder in its place, for plain Compose too. A step that mounts it and has to run again runs with the placeholder.",
        "buildx 在查缓存之前先检查 build.secrets、build.ssh 和 additional_contexts：缺少任何一个都会立即拒绝构建，尽管所有步骤都在缓存中，而且缓存键与密钥内容无关。在现场，docker offline build 会用占位文件代替，普通 Compose 也一样。挂载它且必须重新执行的步骤会使用占位内容。",
    ),
    remedy: Text::fixed(
        "For an export, put the file there, set the variable, start the agent. On site nothing has to be done as long as the steps that mount it are cached.",
        "导出时把文件放好、设置变量、启动代理。在现场，只要挂载它的步骤在缓存中，就无需处理。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let (Some(project), Some(closure)) = (situation.sources.project(), situation.sources.closure())
    else {
        return Vec::new();
    };
    let absent = absent_inputs(project, closure);
    let findings = absent.iter();
    findings
        .map(|input| finding(rule, situation, input))
        .collect()
}

fn finding(rule: &Rule, situation: &Situation<'_>, input: &AbsentInput) -> Finding {
    let name = &input.service;
    let (en, zh) = (input.words(), input.chinese());
    let place = input.location.as_ref().map(|l| situation.place(l));
    let place = place.unwrap_or_else(|| name.clone());
    let message = text!(
        "service {name}: {en} is not on this machine",
        "服务 {name}：本机没有{zh}"
    );
    let running = running(situation, input);
    let mut finding = if situation.bundle.is_err() {
        let found = if input.stops_builds() {
            rule.error(place, message)
        } else {
            rule.warning(place, message)
        };
        found.because(Text::fixed(
            "buildx looks at it before any cache",
            "buildx 在查缓存之前就检查它",
        ))
    } else if running.is_empty() {
        rule.note(place, message).because(Text::fixed(
            "a placeholder stands in for it: no cached step depends on what it holds",
            "由占位内容代替：缓存中的步骤不依赖它的内容",
        ))
    } else {
        let lines = running.join(", ");
        rule.warning(place, message).because(text!(
            "the step at {lines} will run, and is given a placeholder",
            "{lines} 处的步骤会执行，并得到占位内容"
        ))
    };
    if situation.bundle.is_err() || !running.is_empty() {
        finding = finding.remedied_by(remedy(input));
    }
    finding.location.clone_from(&input.location);
    finding.of_service(name)
}

/// Where it is mounted by steps that are not found in the bundle's cache.
fn running(situation: &Situation<'_>, input: &AbsentInput) -> Vec<String> {
    let trace = situation.traces.iter().find(|t| t.service == input.service);
    let closure = situation.sources.closure();
    let service = closure.and_then(|c| c.service(&input.service));
    let (Some(trace), Some(build)) = (trace, service.and_then(|s| s.build.as_ref())) else {
        return Vec::new();
    };
    let runs = |stage: usize, line: u32| {
        let step = trace.step(stage, line);
        step.is_some_and(|step| step.verdict != Verdict::Hit)
    };
    let mounted = input.mounted.iter();
    let running = mounted.filter(|(stage, line)| runs(*stage, *line));
    running
        .map(|(_, line)| situation.place(&build.location(*line)))
        .collect()
}

fn remedy(input: &AbsentInput) -> Text {
    match &input.what {
        Absence::SecretFile { path, .. }
        | Absence::Ssh {
            path: Some(path), ..
        } => {
            let path = path.display();
            text!("put the file there: {path}", "把文件放到该处：{path}")
        }
        Absence::SecretVariable { variable, .. } => {
            text!("set the variable {variable}", "设置变量 {variable}")
        }
        Absence::Ssh { path: None, .. } => Text::fixed(
            "start an agent and add the key (ssh-agent, ssh-add)",
            "启动代理并加入密钥（ssh-agent、ssh-add）",
        ),
        Absence::Context { path, .. } => {
            let path = path.display();
            text!("make the folder: {path}", "建立该目录：{path}")
        }
    }
}
