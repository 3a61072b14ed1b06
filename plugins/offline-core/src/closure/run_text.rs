//! The text of a RUN step, for people and for the table of network tools.

use crate::dockerfile::Run;

/// At most so many characters of a command are kept.
const MAX_COMMAND: usize = 120;

/// The command on one line, with what its heredocs hold.
pub(super) fn one_line(run: &Run) -> String {
    let bodies = run
        .heredocs
        .iter()
        .flat_map(|body| body.lines())
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let all: Vec<&str> = std::iter::once(run.command.as_str())
        .chain(bodies)
        .collect();
    let text = all.join("; ");
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(MAX_COMMAND).collect()
}

/// What a shell will run: the command, and heredocs that are scripts and not
/// files (`RUN <<EOF`, `RUN bash <<EOF`).
pub(crate) fn executed(run: &Run) -> String {
    let first = run.command.split_whitespace().next().unwrap_or("");
    let program = first.rsplit('/').next().unwrap_or(first);
    let is_script = first.starts_with("<<") || matches!(program, "sh" | "bash" | "ash" | "dash");
    let mut text = run.command.clone();
    if is_script {
        for body in &run.heredocs {
            text.push('\n');
            text.push_str(&body.replace("\\\r\n", " ").replace("\\\n", " "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(command: &str, body: &str) -> Run {
        Run {
            command: command.into(),
            heredocs: vec![body.into()],
            ..Run::default()
        }
    }

    #[test]
    fn a_heredoc_that_is_a_file_is_not_executed() {
        assert!(!executed(&run("cat <<EOF >x", "curl y\n")).contains("curl"));
        assert!(
            executed(&run("<<EOF", "set -e\napt-get \\\n install y\n"))
                .contains("apt-get   install")
        );
    }

    #[test]
    fn the_command_is_one_short_line() {
        let text = one_line(&run("<<EOF", "# why\n  a   b\nc\n"));
        assert_eq!(text, "<<EOF; a b; c");
        assert_eq!(one_line(&run(&"ö".repeat(300), "")).chars().count(), 120);
    }
}
