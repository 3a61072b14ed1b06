use std::io::{self, BufRead};
use std::path::Path;

use super::catalogue::{Deed, catalogue};
use super::search::{Cause, Found, is_harmless, search};
use super::step::{Origin, Tracker};
use crate::diagnosis::finding::{Evidence, Finding, Remedy, Severity};
use crate::diagnosis::report::Report;
use crate::diagnosis::{Group, Text, text};
use crate::project::Location;

/// Why a program of a container fails that would find what it needs in a build.
const AT_RUN: Text = Text::fixed(
    "a program in the container asked for a network while it ran; no build was at work, and a bundle holds only what builds fetch",
    "容器中的程序在运行时访问了网络；这不是构建，而离线包只包含构建时下载的内容",
);

/// What is said first where a log does not tell whether it is of a build.
const MAY_RUN: Text = Text::fixed(
    "if this is from a container that runs (docker logs), and not from a build: what it fetches has to be built into the image, or mounted",
    "如果这是运行中容器的日志 (docker logs) 而不是构建日志：要下载的内容必须构建进镜像，或以挂载方式提供",
);

/// What is shown of one log; more would hide the first.
const MOST_FINDINGS: usize = 20;

/// How much of an instruction stands in a subject.
const INSTRUCTION: usize = 60;

/// Reads a log to its end and says what it knows of. `name` is the log's name,
/// for the one finding that is about the whole.
pub fn read_log(source: impl BufRead, name: &str) -> io::Result<Report> {
    let catalogue = catalogue();
    let found = search(source, catalogue)?;
    let mut findings: Vec<Finding> = found
        .causes
        .iter()
        .take(MOST_FINDINGS)
        .map(|c| finding(&found, c))
        .collect();
    if findings.is_empty() {
        let lines = found.lines;
        let words = text!(
            "{lines} lines read, no known failure",
            "已读取 {lines} 行，没有发现已知的故障"
        );
        findings.push(plain("log", Severity::Ok, name.to_owned(), words));
    }
    Ok(Report::of(findings, catalogue.entries.len()))
}

fn plain(id: &'static str, severity: Severity, subject: String, message: Text) -> Finding {
    Finding {
        id,
        group: Group::Log,
        severity,
        subject,
        service: None,
        location: None,
        evidence: None,
        message,
        cause: None,
        remedy: Vec::new(),
    }
}

fn finding(found: &Found<'static>, cause: &Cause<'static>) -> Finding {
    let subject = subject(found, cause);
    let mut finding = match cause.entry {
        Some(entry) => {
            let runs = matches!(cause.origin, Origin::Container(_));
            let title = if runs {
                let (en, zh) = (&entry.title.en, &entry.title.zh);
                text!("when the container ran: {en}", "容器运行时：{zh}")
            } else {
                Text::fixed(&entry.title.en, &entry.title.zh)
            };
            let severity = if cause.follows || cause.cancelled {
                Severity::Note
            } else {
                entry.severity()
            };
            let mut finding = plain(&entry.id, severity, subject, title);
            if !cause.follows {
                let service = service(found, cause);
                let remedies = |deed| remedy(deed, cause, service.as_deref());
                if runs && !entry.at_run.is_empty() {
                    finding = finding.because(AT_RUN);
                    finding.remedy = entry.at_run.iter().map(remedies).collect();
                } else {
                    finding = finding.because(Text::fixed(&entry.cause.en, &entry.cause.zh));
                    let without_steps = found.tracker.steps.is_empty()
                        && cause.origin == Origin::Outside
                        && !entry.at_run.is_empty();
                    let first = without_steps.then_some(Remedy::Say(MAY_RUN));
                    let others = entry.remedy.iter().map(remedies);
                    finding.remedy = first.into_iter().chain(others).collect();
                }
            }
            finding
        }
        None => unknown(subject),
    };
    if cause.line > 0 {
        finding.evidence = Some(Evidence {
            line: cause.line,
            text: cause.text.clone(),
        });
    }
    finding.service = service(found, cause);
    let tracker = &found.tracker;
    let source = match &cause.origin {
        Origin::Step(step) => tracker.steps[*step].source.as_ref(),
        Origin::Container(_) | Origin::Pull(_) => None,
        Origin::Outside => tracker.source.as_ref(),
    };
    finding.location = source.map(|(file, line)| Location::new(Path::new(file), Some(*line)));
    finding
}

/// The service, as far as the log tells.
fn service(found: &Found<'_>, cause: &Cause<'_>) -> Option<String> {
    match &cause.origin {
        Origin::Step(step) => found.tracker.service(*step).map(str::to_owned),
        Origin::Container(service) | Origin::Pull(service) => Some(service.clone()),
        Origin::Outside => found.tracker.failed_service.clone(),
    }
}

/// What the builder could not even begin with, or else the line of the log.
fn outside(tracker: &Tracker, cause: &Cause<'_>) -> String {
    let service = tracker
        .failed_service
        .as_ref()
        .map(|service| format!("{service}: "));
    match (&tracker.source, &tracker.shown) {
        (Some((file, line)), shown) => format!(
            "{}{} ({file}:{line})",
            service.unwrap_or_default(),
            short(shown.as_deref().unwrap_or("build"))
        ),
        (None, _) => match service {
            Some(service) => service.trim_end_matches(": ").to_owned(),
            None => format!("line {}", cause.line),
        },
    }
}

/// An instruction on one line, cut where it would fill the terminal.
fn short(what: &str) -> String {
    let what: Vec<&str> = what.split_whitespace().collect();
    let what = what.join(" ");
    match what.char_indices().nth(INSTRUCTION) {
        Some((end, _)) => format!("{}...", &what[..end]),
        None => what,
    }
}

/// A step that failed with words that are in no entry.
fn unknown(subject: String) -> Finding {
    plain(
        UNKNOWN,
        Severity::Error,
        subject,
        Text::fixed("failed with words that the catalogue does not know", "失败了，但目录中没有这段文字"),
    )
    .because(Text::fixed(
        "the line that speaks of the failure is shown; it is chosen by its words and may not be the cause",
        "显示的是最像失败原因的一行，按措辞选出，不一定就是原因",
    ))
    .remedied_by(Text::fixed(
        "read the lines above it in the log; if the step needs a network, docker offline diagnose names it by file and line",
        "请查看日志中该行之前的内容；如果这一步需要网络，docker offline diagnose 会按文件和行号指出",
    ))
}

/// The id of a failure that no entry knows.
pub(super) const UNKNOWN: &str = "unknown-failure";

/// `api: RUN make (builder 3/5, Dockerfile:7)`
fn subject(found: &Found<'_>, cause: &Cause<'_>) -> String {
    let step = match &cause.origin {
        Origin::Step(step) => *step,
        Origin::Container(service) | Origin::Pull(service) => return service.clone(),
        Origin::Outside => return outside(&found.tracker, cause),
    };
    let tracker = &found.tracker;
    let known = &tracker.steps[step];
    let mut subject = match tracker.service(step) {
        Some(service) => format!("{service}: "),
        None => String::new(),
    };
    subject += &short(&known.what);
    let source = known
        .source
        .as_ref()
        .map(|(file, line)| format!("{file}:{line}"));
    let places: Vec<String> = [Some(tracker.place_of(step)), source]
        .into_iter()
        .flatten()
        .filter(|place| !place.is_empty())
        .collect();
    if !places.is_empty() {
        subject += &format!(" ({})", places.join(", "));
    }
    subject
}

fn remedy(deed: &Deed, cause: &Cause<'_>, service: Option<&str>) -> Remedy {
    let fill = |text: &str| fill(text, cause, service);
    match deed {
        Deed::Say(words) => Remedy::Say(Text::made(fill(&words.en), fill(&words.zh))),
        Deed::Run { run } => Remedy::Run(fill(run)),
    }
}

/// Puts in what the pattern's groups have matched; what is missing is left as a
/// word in capitals to be replaced by hand.
fn fill(template: &str, cause: &Cause<'_>, service: Option<&str>) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, name, after)) = placeholder(rest) {
        text += before;
        let known = match name {
            "service" => service.filter(|s| is_harmless(s)).map(str::to_owned),
            _ => cause.group(name),
        };
        text += &known.unwrap_or_else(|| name.to_uppercase());
        rest = after;
    }
    text + rest
}

/// The first `{name}` of a text, and what stands around it.
pub(super) fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let start = from + text[from..].find('{')?;
        let end = start + text[start..].find('}')?;
        let name = &text[start + 1..end];
        if !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase()) {
            return Some((&text[..start], name, &text[end + 1..]));
        }
        from = start + 1;
    }
}
