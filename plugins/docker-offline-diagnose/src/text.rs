use std::fmt::Write as _;

use offline_core::diagnosis::{Finding, Report, Severity};
use offline_terminal::Colours;

/// A report for people: a line a finding, and below it why, and what to do.
pub(crate) fn words(report: &Report, colours: Colours) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        line(&mut text, finding, colours);
    }
    let count = |severity| report.count(severity);
    let _ = writeln!(
        text,
        "\n{} checked, {} ok, {} to note, {} to be warned of, {} wrong",
        report.findings.len(),
        count(Severity::Ok),
        count(Severity::Note),
        count(Severity::Warning),
        count(Severity::Error),
    );
    text
}

fn line(text: &mut String, finding: &Finding, colours: Colours) {
    let mark = match finding.severity {
        Severity::Ok => colours.good("ok      "),
        Severity::Note => colours.hint("note    "),
        Severity::Warning => colours.warning("warning "),
        Severity::Error => colours.error("error   "),
    };
    let _ = writeln!(
        text,
        "{mark} {}  {}",
        finding.message,
        colours.dim(&format!("[{}: {}]", finding.id, finding.subject))
    );
    let indent = " ".repeat(9);
    if let Some(cause) = &finding.cause {
        let _ = writeln!(text, "{indent}{} {cause}", colours.dim("why:"));
    }
    for remedy in &finding.remedy {
        let _ = writeln!(text, "{indent}{} {remedy}", colours.hint("do:"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_says_what_why_and_what_to_do() {
        let bad = Finding::new(
            "engine-disk",
            Severity::Warning,
            "/var/lib/docker",
            "17% free",
        )
        .because("caches are dropped")
        .remedied_by("free space");
        let good = Finding::new("compose", Severity::Ok, "Compose", "Compose 2.40.0");
        let report = Report {
            findings: vec![good, bad],
        };
        let text = words(&report, Colours::new(false));
        assert_eq!(
            text,
            "ok       Compose 2.40.0  [compose: Compose]\n\
             warning  17% free  [engine-disk: /var/lib/docker]\n         \
             why: caches are dropped\n         \
             do: free space\n\n\
             2 checked, 1 ok, 0 to note, 1 to be warned of, 0 wrong\n"
        );
    }
}
