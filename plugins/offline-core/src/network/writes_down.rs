//! Which RUN steps write their environment down.

use crate::closure::{executed, is_assignment, one_a_line, words};
use crate::dockerfile::Run;

/// Programs that print settings of which variables are a part, and the words that ask
/// them to.
const SETTINGS: &[(&str, &[&str])] = &[
    ("bundle", &["config"]),
    ("composer", &["config", "diagnose"]),
    ("conda", &["config", "info"]),
    ("gem", &["env", "environment"]),
    ("mamba", &["config", "info"]),
    ("micromamba", &["config", "info"]),
    ("mvn", &["help:system", "-X", "--debug"]),
    ("npm", &["config", "c"]),
    ("pip", &["config", "debug"]),
    ("pip3", &["config", "debug"]),
    ("pnpm", &["config", "c"]),
    ("uv", &["--show-settings"]),
    ("yarn", &["config"]),
];

/// What programs call the environment as a whole.
const WHOLE: &[&str] = &[
    "/self/environ",
    "/1/environ",
    "/$$/environ",
    "os.environ",
    "process.env",
    "System.getenv()",
    "%ENV",
    "ENV.to_h",
];

/// What writes a file.
const WRITES: &[&str] = &[">", "tee ", "open(", "write_text", "writeFile"];

/// What looks like that and writes none.
const WRITES_NOTHING: &[&str] = &[
    "2>&1",
    "1>&2",
    ">&2",
    "2>/dev/null",
    "2> /dev/null",
    "&>/dev/null",
    ">/dev/null",
    "> /dev/null",
    "->",
    "=>",
    ">=",
];

/// Whether a step's text says that it writes its environment, or a tool's settings, to
/// a file. A script that it runs is not looked into.
pub fn writes_down(run: &Run) -> bool {
    let text = executed(run);
    let mut written = text.clone();
    for nothing in WRITES_NOTHING {
        written = written.replace(nothing, " ");
    }
    let commands = one_a_line(&text);
    if commands.lines().any(sets_a_proxy) {
        return true;
    }
    WRITES.iter().any(|sign| written.contains(sign))
        && (WHOLE.iter().any(|name| text.contains(name)) || commands.lines().any(prints))
}

/// `git config http.proxy $HTTP_PROXY` and its kin.
fn sets_a_proxy(command: &str) -> bool {
    let lower = command.to_ascii_lowercase();
    let named = [
        "$http_proxy",
        "$https_proxy",
        "${http_proxy",
        "${https_proxy",
    ];
    named.iter().any(|name| lower.contains(name))
        && (lower.contains("config") || lower.contains('>'))
}

/// Whether a simple command prints its environment, or settings from it.
fn prints(command: &str) -> bool {
    let words: Vec<&str> = words(command)
        .filter(|w| !w.is_empty() && *w != "{")
        .collect();
    let from = words
        .iter()
        .position(|w| !is_before_a_command(w) && !is_assignment(w))
        .unwrap_or(words.len());
    let Some((program, rest)) = words[from..].split_first() else {
        return false;
    };
    let program = program.rsplit('/').next().unwrap_or(program);
    let rest = match rest {
        ["-m", module, rest @ ..] if program.starts_with("python") => {
            return settings(module, rest);
        }
        ["-c" | "-ec" | "-lc" | "-exc", rest @ ..]
            if matches!(program, "sh" | "bash" | "ash" | "dash") =>
        {
            return prints(&rest.join(" "));
        }
        rest => rest,
    };
    // Behind options, up to where it is written to.
    let names = rest.iter().take_while(|w| !w.contains('>'));
    match program {
        "printenv" => true,
        "env" => names
            .clone()
            .all(|w| w.starts_with('-') || is_assignment(w)),
        "export" | "declare" | "typeset" | "readonly" => names.clone().all(|w| w.starts_with('-')),
        "set" => names.count() == 0,
        _ => settings(program, rest),
    }
}

fn settings(program: &str, rest: &[&str]) -> bool {
    let mut known = SETTINGS.iter().filter(|(name, _)| *name == program);
    known.any(|(_, asked)| rest.iter().any(|word| asked.contains(word)))
}

fn is_before_a_command(word: &str) -> bool {
    matches!(
        word,
        "sudo"
            | "exec"
            | "time"
            | "nice"
            | "command"
            | "then"
            | "do"
            | "else"
            | "if"
            | "!"
            | "builtin"
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::dockerfile::{self, InstructionKind};

    fn of(line: &str) -> bool {
        let file = dockerfile::parse(&format!("FROM a\n{line}\n"), Path::new("D")).unwrap();
        match &file.stages[0].instructions[0].kind {
            InstructionKind::Run(run) => writes_down(run),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_prints_the_environment_into_a_file() {
        for line in [
            "RUN apt-get update && env >> /etc/environment",
            "RUN printenv | sort > /srv/env.txt",
            "RUN printenv | tee /srv/env.txt",
            "RUN (env) > /x",
            "RUN { env; } > /x",
            "RUN env | grep -v secret >/x",
            "RUN export -p > /x",
            "RUN declare -px > /x",
            "RUN set > /x",
            "RUN sh -c 'env > /x'",
            "RUN [\"/bin/sh\", \"-c\", \"env > /x\"]",
            "RUN cat /proc/self/environ > /x",
            "RUN pip config list > /x",
            "RUN python3 -m pip config debug > /x",
            "RUN npm config ls -l > /x",
            "RUN <<EOF\npip install six\nenv > /x\nEOF",
            "RUN python -c 'import os, json; json.dump(dict(os.environ), open(\"/x\", \"w\"))'",
            "RUN git config --global http.proxy $HTTP_PROXY",
            "RUN echo \"proxy = ${http_proxy}\" >> /etc/x.conf",
        ] {
            assert!(of(line), "{line}");
        }
        for line in [
            "RUN env A=b make > /log",
            "RUN env A=b make 2>&1",
            "RUN printenv",
            "RUN env 2>&1",
            "RUN set -eux; pip install x > /dev/null",
            "RUN export A=b && echo x > /y",
            "RUN pip config set global.index-url https://x",
            "RUN python -c 'import os; print(os.environ[\"A\"])'",
            "RUN npm ci > /log",
            "RUN cat <<EOF > /x\nenv > y\nEOF",
        ] {
            assert!(!of(line), "{line}");
        }
    }
}
