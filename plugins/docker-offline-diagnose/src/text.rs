use std::fmt::Write as _;

use offline_core::diagnosis::{Finding, Group, Language, Remedy, Report, Rule, Severity, Text};
use offline_terminal::Colours;

use crate::wrap::wrap;

/// What a result is written for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    pub(crate) language: Language,
    pub(crate) colours: Colours,
    /// Columns of the terminal; none where it is not one.
    pub(crate) width: Option<usize>,
}

/// Findings stand this far in, behind the word of their severity.
const INDENT: usize = 10;

impl Page {
    fn mark(self, severity: Severity) -> String {
        let zh = self.language == Language::Chinese;
        let (text, pad) = match severity {
            Severity::Ok if zh => ("正常", 4),
            Severity::Note if zh => ("提示", 4),
            Severity::Warning if zh => ("警告", 4),
            Severity::Error if zh => ("错误", 4),
            Severity::Ok => ("ok", 6),
            Severity::Note => ("note", 4),
            Severity::Warning => ("warning", 1),
            Severity::Error => ("error", 3),
        };
        let painted = match severity {
            Severity::Ok => self.colours.good(text),
            Severity::Note => self.colours.hint(text),
            Severity::Warning => self.colours.warning(text),
            Severity::Error => self.colours.error(text),
        };
        format!("{painted}{}", " ".repeat(pad))
    }

    pub(crate) fn wrapped(self, text: &str, indent: usize) -> Vec<String> {
        match self.width {
            Some(width) => wrap(text, width.saturating_sub(indent).max(20)),
            None => vec![text.to_owned()],
        }
    }

    fn get(self, text: &Text) -> String {
        text.get(self.language).to_owned()
    }
}

/// A report for people: by group, the worst first; under each finding why, and
/// what to do.
pub(crate) fn words(report: &Report, page: Page) -> String {
    let mut text = String::new();
    for group in Group::ALL {
        let mut of_group = report
            .findings
            .iter()
            .filter(|f| f.group == group)
            .peekable();
        if of_group.peek().is_some() {
            let title = page.get(&group.title());
            let _ = writeln!(text, "{}", page.colours.bold(&title));
        }
        for finding in of_group {
            one(&mut text, finding, page);
        }
    }
    let _ = writeln!(text, "\n{}", summary(report, page));
    text
}

fn one(text: &mut String, finding: &Finding, page: Page) {
    let message = finding.message.get(page.language);
    let id = if finding.severity == Severity::Ok {
        String::new()
    } else {
        format!(" [{}]", finding.id)
    };
    let subject = subject(finding, message);
    let shown = if finding.severity == Severity::Ok {
        message.to_owned()
    } else {
        format!("{subject}{message}{id}")
    };
    for (number, line) in page.wrapped(&shown, INDENT).iter().enumerate() {
        let head = match number {
            0 => format!("  {}", page.mark(finding.severity)),
            _ => " ".repeat(INDENT),
        };
        let line = match line.strip_suffix(id.trim_start()) {
            Some(bare) if !id.is_empty() => {
                format!("{bare}{}", page.colours.dim(id.trim_start()))
            }
            _ => line.clone(),
        };
        let _ = writeln!(text, "{head}{line}");
    }
    if finding.severity == Severity::Ok {
        return;
    }
    let zh = page.language == Language::Chinese;
    let (why, act, shown) = if zh {
        ("原因", "处理", "日志")
    } else {
        ("why ", "do  ", "log ")
    };
    if let Some(evidence) = &finding.evidence {
        let line = format!("{}: {}", evidence.line, evidence.text);
        labelled(text, &page.colours.dim(shown), &line, page);
    }
    if let Some(cause) = &finding.cause {
        labelled(text, &page.colours.dim(why), cause.get(page.language), page);
    }
    for (number, remedy) in finding.remedy.iter().enumerate() {
        let label = if number == 0 { act } else { "    " };
        let label = page.colours.hint(label);
        match remedy {
            Remedy::Say(words) => labelled(text, &label, words.get(page.language), page),
            // Never broken: it is there to be copied.
            Remedy::Run(command) => {
                let indent = " ".repeat(INDENT);
                let _ = writeln!(text, "{indent}{label} $ {}", page.colours.bold(command));
            }
        }
    }
}

/// The subject before a message that does not name it.
fn subject(finding: &Finding, message: &str) -> String {
    if message.contains(&finding.subject) {
        return String::new();
    }
    format!("{}: ", finding.subject)
}

fn labelled(text: &mut String, label: &str, words: &str, page: Page) {
    let indent = " ".repeat(INDENT);
    for (number, line) in page.wrapped(words, INDENT + 5).iter().enumerate() {
        let label = if number == 0 { label } else { "    " };
        let _ = writeln!(text, "{indent}{label} {line}");
    }
}

fn summary(report: &Report, page: Page) -> String {
    let count = |severity| report.count(severity);
    let (errors, warnings, notes) = (
        count(Severity::Error),
        count(Severity::Warning),
        count(Severity::Note),
    );
    let checked = report.checked;
    let colours = page.colours;
    let of_log = report.findings.iter().any(|f| f.group == Group::Log);
    if page.language == Language::Chinese {
        let looked = if of_log {
            format!("对照了 {checked} 种已知故障")
        } else {
            format!("检查了 {checked} 条规则")
        };
        return match (errors, warnings, notes) {
            (0, 0, 0) => colours.good(&format!("{looked}，没有发现问题")),
            _ => format!("{looked}：{errors} 个错误，{warnings} 个警告，{notes} 个提示"),
        };
    }
    let looked = if of_log {
        format!("{checked} known failures looked for")
    } else {
        format!("{checked} rules checked")
    };
    if errors + warnings + notes == 0 {
        return colours.good(&format!("{looked}, nothing found"));
    }
    let counted = |number: usize, noun: &str| match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    };
    format!(
        "{looked}: {}, {}, {}",
        counted(errors, "error"),
        counted(warnings, "warning"),
        counted(notes, "note")
    )
}

/// One line a finding, for scripts and for the eye in a hurry.
pub(crate) fn lines(report: &Report, page: Page) -> String {
    let mut text = String::new();
    let found = report
        .findings
        .iter()
        .filter(|f| f.severity != Severity::Ok);
    for finding in found {
        let message = finding.message.get(page.language).replace('\n', " ");
        let _ = writeln!(
            text,
            "{}{}{message} {}",
            page.mark(finding.severity),
            subject(finding, &message),
            page.colours.dim(&format!("[{}]", finding.id)),
        );
    }
    text
}

/// What `--explain` prints of a rule.
pub(crate) fn explain(rule: &Rule, page: Page) -> String {
    let zh = page.language == Language::Chinese;
    let worst = match (rule.worst, zh) {
        (Severity::Ok, false) => "never more than information",
        (Severity::Note, false) => "note at worst",
        (Severity::Warning, false) => "warning at worst",
        (Severity::Error, false) => "error at worst",
        (Severity::Ok, true) => "仅供参考",
        (Severity::Note, true) => "最严重为提示",
        (Severity::Warning, true) => "最严重为警告",
        (Severity::Error, true) => "最严重为错误",
    };
    let mut text = format!(
        "{}  {}\n",
        page.colours.bold(rule.id),
        page.colours
            .dim(&format!("({}, {worst})", page.get(&rule.group.title()))),
    );
    for part in [&rule.promise, &rule.why, &rule.remedy] {
        text.push('\n');
        for line in page.wrapped(part.get(page.language), 0) {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use offline_core::diagnosis;

    fn report() -> Report {
        let rule = diagnosis::rule("engine-disk").unwrap();
        let bad = rule
            .warning("/var/lib/docker", Text::fixed("17% free", "剩余 17%"))
            .because(Text::fixed("caches are dropped", "缓存会被清除"))
            .remedied_by(Text::fixed("free space", "清理磁盘"))
            .run("docker system df");
        let good = diagnosis::rule("compose")
            .unwrap()
            .ok("Compose", Text::fixed("Compose 2.40.0", "Compose 2.40.0"));
        Report {
            findings: vec![bad, good],
            checked: 15,
        }
    }

    fn page(language: Language) -> Page {
        Page {
            language,
            colours: Colours::new(false),
            width: None,
        }
    }

    #[test]
    fn a_finding_says_what_why_and_what_to_do() {
        assert_eq!(
            words(&report(), page(Language::English)),
            "Host\n  warning /var/lib/docker: 17% free [engine-disk]\n          \
             why  caches are dropped\n          \
             do   free space\n               $ docker system df\n  \
             ok      Compose 2.40.0\n\n\
             15 rules checked: 0 errors, 1 warning, 0 notes\n"
        );
        assert_eq!(
            words(&report(), page(Language::Chinese)),
            "主机\n  警告    /var/lib/docker: 剩余 17% [engine-disk]\n          \
             原因 缓存会被清除\n          \
             处理 清理磁盘\n               $ docker system df\n  \
             正常    Compose 2.40.0\n\n\
             检查了 15 条规则：0 个错误，1 个警告，0 个提示\n"
        );
    }

    #[test]
    fn quiet_is_one_line_a_finding() {
        assert_eq!(
            lines(&report(), page(Language::English)),
            "warning /var/lib/docker: 17% free [engine-disk]\n"
        );
        let rule = diagnosis::rule("unset-variable").unwrap();
        let named = Report {
            findings: vec![rule.warning("MODE", Text::fixed("MODE is not set", "MODE 没有设置"))],
            checked: 1,
        };
        assert_eq!(
            lines(&named, page(Language::English)),
            "warning MODE is not set [unset-variable]\n",
            "a subject that the message names is not said twice"
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for language in [Language::English, Language::Chinese] {
            let narrow = Page {
                width: Some(80),
                ..page(language)
            };
            for rule in diagnosis::rules() {
                for line in explain(rule, narrow).lines() {
                    let wide: usize = line.chars().map(|c| 1 + usize::from(c > '\u{2e80}')).sum();
                    assert!(wide <= 80, "{line}");
                }
            }
        }
    }
}
