use std::fmt::Write as _;

use offline_core::diagnosis::{
    Language, ServiceTrace, StageTrace, StepNetwork, StepTrace, Verdict,
};

use crate::text::Page;

/// What `--why` prints: every step with its fate, and under the first that
/// misses the reason.
pub(crate) fn words(trace: &ServiceTrace, page: Page) -> String {
    let zh = page.language == Language::Chinese;
    let mut text = String::new();
    for stage in &trace.stages {
        let title = if zh {
            format!("阶段 {}", stage.name)
        } else {
            format!("stage {}", stage.name)
        };
        let _ = writeln!(text, "{}", page.colours.bold(&title));
        for step in &stage.steps {
            one(&mut text, step, page);
        }
    }
    let _ = writeln!(text, "\n{}", summary(trace, page));
    if let Some(why) = &trace.unrecorded {
        let words = if zh {
            format!("导出时无法录制该服务获取的内容：{why}")
        } else {
            format!("The export could not record what this service fetches: {why}")
        };
        for line in page.wrapped(&words, 0) {
            let _ = writeln!(text, "{}", page.colours.warning(&line));
        }
    }
    for unknown in unknown(trace, zh) {
        for line in page.wrapped(unknown, 0) {
            let _ = writeln!(text, "{}", page.colours.dim(&line));
        }
    }
    text
}

/// Where a step stands, behind its fate and its line.
const INDENT: usize = 13;

fn one(text: &mut String, step: &StepTrace, page: Page) {
    let zh = page.language == Language::Chinese;
    let mark = match (&step.verdict, zh) {
        (Verdict::Hit, false) => page.colours.good("hit "),
        (Verdict::Hit, true) => page.colours.good("命中"),
        (Verdict::Miss(_), false) => page.colours.error("miss"),
        (Verdict::Miss(_), true) => page.colours.error("失效"),
        (Verdict::Follows, false) => page.colours.warning("runs"),
        (Verdict::Follows, true) => page.colours.warning("重跑"),
    };
    let runs = step.verdict != Verdict::Hit;
    let network = network(step, zh);
    let mut lines = page.wrapped(&format!("{}{network}", step.text), INDENT + 4);
    // Of a step that comes from the cache, nobody has to read it all.
    if !runs && lines.len() > 1 {
        lines.truncate(1);
        lines[0] += " ...";
    }
    let _ = writeln!(text, "  {mark} {:>4}  {}", step.line, lines[0]);
    for line in &lines[1..] {
        let _ = writeln!(text, "{:INDENT$}{line}", "");
    }
    if let Verdict::Miss(reason) = &step.verdict {
        let why = if zh { "原因：" } else { "because " };
        let words = format!("{why}{}", reason.words().get(page.language));
        for line in page.wrapped(&words, INDENT) {
            let _ = writeln!(text, "{:INDENT$}{line}", "");
        }
    }
}

/// Where a step that runs has from what it asks a network for.
fn network(step: &StepTrace, zh: bool) -> String {
    let what = step.network_tool.unwrap_or("it");
    let requests = step.recorded;
    match step.network {
        None | Some(StepNetwork::Cached) => String::new(),
        Some(StepNetwork::Recorded) if zh => {
            format!("（已录制：{requests} 个请求由离线包回答）")
        }
        Some(StepNetwork::Recorded) => {
            format!(" (recorded: {requests} requests are answered from the bundle)")
        }
        Some(StepNetwork::Unknown) if zh => "（可能请求没有录制的内容）".into(),
        Some(StepNetwork::Unknown) => " (may ask for what is not recorded)".into(),
        Some(StepNetwork::Lost) if zh => format!("（失去：{what} 需要网络）"),
        Some(StepNetwork::Lost) => format!(" (lost: {what} needs a network)"),
    }
}

fn summary(trace: &ServiceTrace, page: Page) -> String {
    let zh = page.language == Language::Chinese;
    let all = trace.steps().count();
    let hit = trace
        .steps()
        .filter(|(_, s)| s.verdict == Verdict::Hit)
        .count();
    let count = |network| {
        let steps = trace.steps().filter(|(_, s)| s.network == Some(network));
        steps.count()
    };
    let (recorded, unknown, lost) = (
        count(StepNetwork::Recorded),
        count(StepNetwork::Unknown),
        count(StepNetwork::Lost),
    );
    let service = &trace.service;
    let missing = trace
        .stages
        .iter()
        .any(|s: &StageTrace| s.first_miss().is_some());
    match (missing, zh) {
        (false, false) => page.colours.good(&format!(
            "service {service}: all {all} steps are in the cache"
        )),
        (false, true) => page
            .colours
            .good(&format!("服务 {service}：全部 {all} 个步骤都在缓存中")),
        (true, false) => format!(
            "service {service}: {hit} of {all} steps are in the cache; of the others, {recorded} are answered from the recording, {unknown} may ask for what is not recorded, and {lost} are lost without a network"
        ),
        (true, true) => format!(
            "服务 {service}：{all} 个步骤中有 {hit} 个在缓存中；其余步骤中 {recorded} 个由录制内容回答，{unknown} 个可能请求没有录制的内容，{lost} 个在无网络时会失败"
        ),
    }
}

/// What could not be compared, so that nobody takes it for equal.
fn unknown(trace: &ServiceTrace, zh: bool) -> Vec<&'static str> {
    let mut all = Vec::new();
    if !trace.files_known {
        all.push(if zh {
            "无法比较文件：离线包还是压缩包，或没有记录文件清单。"
        } else {
            "Files could not be compared: the bundle is an archive that is not unpacked, or has no list of them."
        });
    }
    if !trace.lines_known {
        all.push(if zh {
            "无法比较 Dockerfile：离线包由较早的版本导出，没有记录。"
        } else {
            "The Dockerfile could not be compared: the bundle was exported by an older version, which kept no record of it."
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use offline_core::diagnosis::{Language, Reason};
    use offline_terminal::Colours;

    use super::*;

    #[test]
    fn long_steps_fit_the_terminal_and_cached_ones_take_one_line() {
        let long = "RUN apt-get update && apt-get install -y --no-install-recommends build-essential ca-certificates curl git";
        let step = |verdict| StepTrace {
            past: false,
            line: 3,
            keyword: "RUN",
            text: long.into(),
            network_tool: Some("apt-get"),
            verdict,
            network: Some(StepNetwork::Lost),
            recorded: 0,
        };
        let page = Page {
            language: Language::English,
            colours: Colours::new(false),
            width: Some(80),
        };
        let mut text = String::new();
        for verdict in [
            Verdict::Hit,
            Verdict::Miss(Reason::NewStage),
            Verdict::Follows,
        ] {
            one(&mut text, &step(verdict), page);
        }
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
        let hit: Vec<&str> = text.lines().take(2).collect();
        assert!(
            hit[0].ends_with(" ...") && hit[1].contains("miss"),
            "{text}"
        );
    }
}
