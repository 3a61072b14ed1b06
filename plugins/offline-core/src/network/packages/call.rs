use super::known::known;
use crate::closure::{base_name, behind, executed, one_a_line, words};
use crate::dockerfile::Run;
use crate::project::PackageTool;

/// How a step calls a package manager, less what it asks it for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Call {
    /// Commands before it by which a shell gets to where it is called.
    before: Vec<String>,
    /// The program, with what runs it as somebody else.
    program: String,
    /// Options before the subcommand.
    global: Vec<String>,
    subcommand: String,
    options: Vec<String>,
    /// Lists of packages that it reads.
    lists: Vec<String>,
    /// Whether it installs what the project itself lists.
    pub(super) of_project: bool,
}

/// What of a list of requirements says where packages come from.
const OF_INDEX: &str = "^[[:space:]]*(-i|-f|--index-url|--extra-index-url|--find-links|--trusted-host|--pre|--prefer-binary|--no-binary|--only-binary)";

impl Call {
    /// The last call of a step that installs something; one for what the project lists
    /// rather than another.
    pub(super) fn of(run: &Run, tool: PackageTool) -> Option<Self> {
        let mut before = Vec::new();
        let mut found: Option<Self> = None;
        for line in one_a_line(&executed(run)).lines() {
            if moves(line) {
                before.push(line.trim().to_owned());
            } else if let Some(call) = Self::of_line(line, tool)
                && (call.of_project || !found.as_ref().is_some_and(|f| f.of_project))
            {
                let before = before.clone();
                found = Some(Self { before, ..call });
            }
        }
        found
    }

    fn of_line(line: &str, tool: PackageTool) -> Option<Self> {
        let raw: Vec<&str> = line.split_whitespace().collect();
        let plain: Vec<&str> = words(line).collect();
        let at = program(&plain, tool)?;
        let known = known(tool);
        let mut next = at + 1;
        while plain.get(next).is_some_and(|word| word.starts_with('-')) {
            next += 1 + usize::from(known.with_value.contains(&plain[next]));
        }
        let subcommand = *plain.get(next)?;
        if !known.subcommands.contains(&subcommand) {
            return None;
        }
        let mut call = Self {
            program: called(&raw, &plain, at),
            global: raw[at + 1..next].iter().map(ToString::to_string).collect(),
            subcommand: subcommand.to_owned(),
            of_project: tool == PackageTool::Npm,
            ..Self::default()
        };
        call.read(&raw[next + 1..], &plain[next + 1..], tool);
        let all = call.options.iter().chain(&call.global);
        if !all.map(String::as_str).all(is_whole) {
            call.options.retain(|word| !has_quote(word));
            call.global.retain(|word| !has_quote(word));
        }
        Some(call)
    }

    /// Reads what stands behind the subcommand.
    fn read(&mut self, raw: &[&str], plain: &[&str], tool: PackageTool) {
        let known = known(tool);
        let mut next = 0;
        while let Some(word) = plain.get(next) {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) if name.starts_with('-') => (name, Some(value)),
                _ => (*word, None),
            };
            let takes = value.is_none() && known.with_value.contains(&name);
            let own = next;
            next += 1 + usize::from(takes);
            if !word.starts_with('-') || *word == "-" {
                self.of_project |= tool == PackageTool::Pip && word.starts_with('.');
                self.of_project &= tool != PackageTool::Npm;
                continue;
            }
            let glued = tool == PackageTool::Pip && !word.starts_with("--") && word.len() > 2;
            let short = if glued { word.get(..2) } else { None };
            let list = match short {
                Some("-r" | "-e") => word.get(2..),
                _ => value.or_else(|| plain.get(own + 1).copied().filter(|_| takes)),
            };
            let name = short.filter(|s| matches!(*s, "-r" | "-e")).unwrap_or(name);
            match name {
                "-r" | "--requirement" | "--requirements" if tool == PackageTool::Pip => {
                    self.of_project = true;
                    self.lists.extend(list.map(str::to_owned));
                }
                "-e" | "--editable" if tool == PackageTool::Pip => self.of_project = true,
                "-g" | "--global" if tool == PackageTool::Npm => self.of_project = false,
                _ => {}
            }
            if !known.left_out.contains(&name) {
                let words = raw.iter().skip(own).take(next - own);
                self.options.extend(words.map(ToString::to_string));
            }
        }
    }

    /// The command that fetches these packages as this one would.
    pub(super) fn command(&self, tool: PackageTool, words: &[&str]) -> String {
        let Self { program, .. } = self;
        let mut all: Vec<String> = self.before.clone();
        let global = self.global.join(" ");
        let subcommand = match tool {
            PackageTool::Apt => {
                all.push("export DEBIAN_FRONTEND=noninteractive".into());
                all.push(joined(&[program, &global, "update"]));
                "install -y"
            }
            PackageTool::Npm => "install --no-audit --no-fund",
            PackageTool::Pip => self.subcommand.as_str(),
        };
        let mut options = self.options.join(" ");
        let lists = self.lists.iter().filter(|list| !list.contains("://"));
        let lists: Vec<String> = lists.map(|list| quoted(list)).collect();
        if !lists.is_empty() {
            let to = "/tmp/.docker-offline-index";
            let lists = lists.join(" ");
            all.push(format!(
                "{{ grep -hE {} {lists} > {to} 2>/dev/null || true; }}",
                quoted(OF_INDEX)
            ));
            options = joined(&[&options, "-r", to]);
        }
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        let words = words.join(" ");
        all.push(joined(&[program, &global, subcommand, &options, &words]));
        all.join(" && ")
    }
}

/// Where the program stands that does the work, if it is the one.
fn program(words: &[&str], tool: PackageTool) -> Option<usize> {
    let rest = behind(words);
    let at = words.len() - rest.len();
    let (first, rest) = rest.split_first()?;
    let name = base_name(first);
    let is = |word: &str| match tool {
        PackageTool::Apt => matches!(word, "apt" | "apt-get"),
        PackageTool::Npm => word == "npm",
        PackageTool::Pip => word
            .strip_prefix("pip")
            .is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.')),
    };
    let runs_module = name.starts_with("python") && rest.first() == Some(&"-m");
    match name {
        "sh" | "bash" | "ash" | "dash" if rest.first().is_some_and(|w| w.starts_with('-')) => {
            Some(at + 2 + program(&words[at + 2..], tool)?)
        }
        _ if runs_module && rest.get(1).is_some_and(|word| is(word)) => Some(at + 2),
        "uv" if tool == PackageTool::Pip && rest.first() == Some(&"pip") => Some(at + 1),
        _ => is(name).then_some(at),
    }
}

/// How the program is called: with what stands before it, where that is a whole command.
fn called(raw: &[&str], plain: &[&str], at: usize) -> String {
    const LEADING: &[&str] = &[
        "then", "do", "else", "if", "while", "until", "!", "{", "(", "exec", "time",
    ];
    let leading = raw.iter().take_while(|word| LEADING.contains(word)).count();
    let before = &raw[leading.min(at)..=at];
    let odd = |word: &&str| has_quote(word) || word.contains(['(', ')', '{']) || *word == "xargs";
    if !before.iter().any(odd) {
        return before.join(" ");
    }
    match at.checked_sub(2) {
        Some(first) if plain[at - 1] == "-m" => plain[first..=at].join(" "),
        _ if at > 0 && plain[at - 1] == "uv" => "uv pip".into(),
        _ => plain[at].to_owned(),
    }
}

/// Whether a command changes where the next one runs, or what with.
fn moves(line: &str) -> bool {
    let line = line.trim();
    let first = line.split_whitespace().next().unwrap_or_default();
    let whole = is_whole(line) && !line.contains(['(', ')', '{', '}', '<', '>']);
    matches!(first, "cd" | "." | "source" | "export") && whole && !line.ends_with('=')
}

fn has_quote(word: &str) -> bool {
    word.contains(['"', '\''])
}

fn is_whole(text: &str) -> bool {
    let even = |quote: char| text.matches(quote).count().is_multiple_of(2);
    even('"') && even('\'')
}

/// One word for a shell, whatever it holds.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn joined(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().copied().filter(|p| !p.is_empty()).collect();
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::{self, InstructionKind};
    use std::path::Path;

    fn of(line: &str, tool: PackageTool, words: &[&str]) -> Option<String> {
        let file = dockerfile::parse(&format!("FROM a\n{line}\n"), Path::new("D")).unwrap();
        match &file.stages[0].instructions[0].kind {
            InstructionKind::Run(run) => Some(Call::of(run, tool)?.command(tool, words)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pip_is_called_as_the_step_calls_it() {
        let grep = format!(
            "{{ grep -hE '{OF_INDEX}' 'r.txt' > /tmp/.docker-offline-index 2>/dev/null || true; }} && "
        );
        for (line, expected) in [
            ("RUN pip install six", "pip install 'a>=1'".to_owned()),
            (
                "RUN pip install --no-cache-dir -r r.txt -i https://m/simple",
                format!(
                    "{grep}pip install --no-cache-dir -i https://m/simple -r /tmp/.docker-offline-index 'a>=1'"
                ),
            ),
            (
                "RUN cd /x && . v/bin/activate && pip install -rr.txt --require-hashes",
                format!(
                    "cd /x && . v/bin/activate && {grep}pip install -r /tmp/.docker-offline-index 'a>=1'"
                ),
            ),
            (
                "RUN sudo -u app /v/bin/pip3 -q install --index-url=$I -e . six==1 > /log",
                "sudo -u app /v/bin/pip3 -q install --index-url=$I 'a>=1'".into(),
            ),
            (
                "RUN bash -c \"python3 -m pip install -t /x six\"",
                "python3 -m pip install -t /x 'a>=1'".into(),
            ),
            (
                "RUN [\"python\", \"-m\", \"pip\", \"install\", \"six\"]",
                "python -m pip install 'a>=1'".into(),
            ),
            (
                "RUN uv pip install --system six && rm -rf /x",
                "uv pip install --system 'a>=1'".into(),
            ),
            (
                "RUN pip install -U pip && if true; then pip wheel -w /w six; fi",
                "pip wheel -w /w 'a>=1'".into(),
            ),
            (
                "RUN pip install . && pip install six",
                "pip install 'a>=1'".into(),
            ),
        ] {
            let found = of(line, PackageTool::Pip, &["a>=1"]);
            assert_eq!(found.as_deref(), Some(expected.as_str()), "{line}");
        }
        for line in ["RUN pip list", "RUN echo pip install x", "RUN npm ci"] {
            assert_eq!(of(line, PackageTool::Pip, &["a"]), None, "{line}");
        }
    }

    #[test]
    fn npm_and_apt_are_called_as_the_step_calls_them() {
        for (line, expected) in [
            ("RUN npm ci", "npm install --no-audit --no-fund 'a@^1' 'b'"),
            (
                "RUN cd web && npm --prefix x ci --omit=dev --registry https://r",
                "cd web && npm --prefix x install --no-audit --no-fund --omit=dev --registry https://r 'a@^1' 'b'",
            ),
            (
                "RUN npm install -g pnpm && npm i",
                "npm install --no-audit --no-fund 'a@^1' 'b'",
            ),
            (
                "RUN npm i && npm install -g pnpm",
                "npm install --no-audit --no-fund 'a@^1' 'b'",
            ),
        ] {
            let found = of(line, PackageTool::Npm, &["a@^1", "b"]);
            assert_eq!(found.as_deref(), Some(expected), "{line}");
        }
        let front = "export DEBIAN_FRONTEND=noninteractive && ";
        for (line, expected) in [
            (
                "RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /x",
                "apt-get update && apt-get install -y -y --no-install-recommends 'jq'",
            ),
            (
                "RUN sudo apt-get -qq -o A::B=c install curl",
                "sudo apt-get -qq -o A::B=c update && sudo apt-get -qq -o A::B=c install -y 'jq'",
            ),
        ] {
            let found = of(line, PackageTool::Apt, &["jq"]);
            assert_eq!(found, Some(format!("{front}{expected}")), "{line}");
        }
        assert_eq!(of("RUN apt-get update", PackageTool::Apt, &["jq"]), None);
    }

    #[test]
    fn a_word_stays_one_word() {
        assert_eq!(quoted("a'; rm -rf / '"), r"'a'\''; rm -rf / '\'''");
    }
}
