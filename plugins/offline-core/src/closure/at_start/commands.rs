//! Commands that fetch something when a container runs them.
//!
//! Not the table of build steps: a build runs compilers that fetch as they go, a
//! container runs what is built. What counts here installs or fetches in so many
//! words.

use regex::Regex;
use std::sync::LazyLock;

use crate::closure::network_tools::{PREFIXES, base_name, is_assignment, one_a_line, words};

/// Something that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asks {
    /// The command, or the call.
    pub(super) what: String,
    /// The line of its file, from 1.
    pub(super) line: u32,
}

/// Programs, each with the words one of which must stand right after it.
const FETCH: &[(&str, &[&str])] = &[
    ("apk", &["add", "update", "upgrade"]),
    ("apt", &["install", "update", "upgrade"]),
    ("apt-get", &["install", "update", "upgrade", "dist-upgrade"]),
    ("bun", &["install", "i", "add", "x"]),
    ("bunx", &[]),
    ("bundle", &["install", "update"]),
    ("cargo", &["install", "fetch"]),
    ("composer", &["install", "update", "require"]),
    ("conda", &["install", "create", "update"]),
    ("corepack", &["prepare", "install"]),
    ("deno", &["install", "cache", "add"]),
    ("dnf", &["install", "update", "upgrade"]),
    ("dotnet", &["restore"]),
    ("gem", &["install", "update"]),
    ("git", &["clone", "fetch", "pull", "submodule", "lfs"]),
    ("go", &["get", "install"]),
    ("helm", &["pull", "repo", "dependency"]),
    ("hf", &["download"]),
    ("huggingface-cli", &["download"]),
    ("mamba", &["install", "create", "update"]),
    ("micromamba", &["install", "create", "update"]),
    ("microdnf", &["install", "update"]),
    ("mix", &["deps.get", "local.hex", "local.rebar"]),
    ("modelscope", &["download"]),
    ("nltk.downloader", &[]),
    ("npm", &["install", "i", "ci", "add", "update"]),
    ("ollama", &["pull", "run"]),
    ("pip", &["install", "download"]),
    ("pip3", &["install", "download"]),
    ("pipenv", &["install", "sync", "update"]),
    ("pipx", &["install", "run"]),
    ("playwright", &["install"]),
    ("pnpm", &["install", "i", "add", "dlx", "update"]),
    ("poetry", &["install", "add", "update", "sync"]),
    ("spacy", &["download"]),
    ("terraform", &["init"]),
    ("uv", &["sync", "pip", "add", "tool"]),
    ("uvx", &[]),
    ("yarn", &["install", "add", "dlx"]),
    ("yum", &["install", "update", "upgrade"]),
    ("zypper", &["install", "in", "refresh", "update"]),
];

/// What keeps such a program from the network.
const NEVER_WITH: &[&str] = &["--offline", "--no-index", "--no-install"];

/// Words before a command that are none, beside those of build steps.
const STARTERS: &[&str] = &["elif", "su-exec", "tini", "dumb-init", "timeout"];

/// An address beyond this machine and this project: names of services have no dot.
static ELSEWHERE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?i)\b(?:https?|ftp)://(?:[^/\s"'@]*@)?([^/\s"':$]+)"#).ok());
static HUB_NAME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^[A-Za-z0-9][\w.-]*/[\w.-]+$").ok());

/// Whether this is the name of a model of a hub, and no path.
pub(super) fn is_hub_name(value: &str) -> bool {
    const FILES: [&str; 6] = [".gguf", ".bin", ".onnx", ".safetensors", ".pt", ".json"];
    let file = FILES.iter().any(|ending| value.ends_with(ending));
    !file && !value.starts_with("models/") && HUB_NAME.as_ref().is_some_and(|r| r.is_match(value))
}

/// What a command asks for, whose words are given as a container gets them.
pub(super) fn of_words(words: &[String]) -> Vec<Asks> {
    let mut found: Vec<Asks> = Vec::new();
    if let [one] = words {
        found.extend(of_script(one));
    } else {
        // `sh -c TEXT` is a script, other words are one command.
        let text = words
            .iter()
            .position(|w| w.starts_with('-') && !w.starts_with("--") && w.ends_with('c'));
        let shell = words
            .iter()
            .any(|w| matches!(base_name(w), "sh" | "bash" | "ash" | "dash" | "zsh"));
        if let Some(text) = text.filter(|_| shell).and_then(|at| words.get(at + 1)) {
            found.extend(of_script(text));
        } else {
            let plain: Vec<&str> = words.iter().map(String::as_str).collect();
            found.extend(of_command(&plain).map(|what| Asks { what, line: 1 }));
        }
    }
    found.dedup();
    found
}

/// What a shell script asks for, line by line.
pub(super) fn of_script(text: &str) -> Vec<Asks> {
    let mut found = Vec::new();
    let mut lines = (1u32..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        if line.trim_start().starts_with('#') {
            continue;
        }
        let mut joined = line.to_owned();
        while joined.ends_with('\\') {
            joined.pop();
            match lines.next() {
                Some((_, next)) => joined += next,
                None => break,
            }
        }
        for command in one_a_line(&joined).lines() {
            let words: Vec<&str> = words(command).collect();
            found.extend(of_command(&words).map(|what| Asks { what, line: number }));
        }
    }
    found
}

/// The command itself, if it fetches something.
fn of_command(words: &[&str]) -> Option<String> {
    let mut rest = words;
    while let [first, others @ ..] = rest {
        let name = base_name(first);
        let skip = PREFIXES.contains(&name)
            || STARTERS.contains(&name)
            || first.starts_with('-')
            || first.is_empty()
            || is_assignment(first)
            || first.bytes().all(|b| b.is_ascii_digit());
        if !skip {
            break;
        }
        rest = others;
    }
    // A model's name is given to servers, and to images whose command is flags only.
    let model = names_model(words).then(|| short(words));
    let [program, others @ ..] = rest else {
        return model;
    };
    let program = base_name(program);
    if let ("sh" | "bash" | "ash" | "dash", [flag, script @ ..]) = (program, others)
        && flag.starts_with('-')
        && flag.ends_with('c')
    {
        return of_command(script);
    }
    if program.starts_with("python")
        && let ["-m", module @ ..] = others
    {
        return of_command(module).or(model);
    }
    if NEVER_WITH.iter().any(|word| others.contains(word)) {
        return None;
    }
    let asks = match program {
        "npx" => others.iter().any(|w| {
            matches!(*w, "-y" | "--yes") || !w.starts_with(['-', '@', '.']) && w.contains('@')
        }),
        "npm" if matches!(others, ["exec" | "x", ..]) => {
            others.iter().any(|w| matches!(*w, "-y" | "--yes"))
        }
        "curl" | "wget" | "aria2c" => others.iter().any(|word| is_elsewhere(word)),
        "uv" if others.first() == Some(&"run") => others
            .iter()
            .any(|w| matches!(*w, "--with" | "--with-requirements")),
        "yarn" if others.is_empty() => true,
        _ => FETCH.iter().any(|(name, needed)| {
            let verb = others.iter().find(|w| !w.starts_with('-'));
            *name == program && (needed.is_empty() || verb.is_some_and(|v| needed.contains(v)))
        }),
    };
    asks.then(|| short(rest)).or(model)
}

/// `vllm serve ORG/NAME`, `--model ORG/NAME`, `-hf ORG/NAME`.
fn names_model(words: &[&str]) -> bool {
    const FLAGS: [&str; 6] = [
        "--model",
        "--model-id",
        "--model-path",
        "--model-name",
        "-hf",
        "--hf-repo",
    ];
    let pairs = words.windows(2);
    let given = pairs
        .clone()
        .any(|pair| (FLAGS.contains(&pair[0]) || pair[0] == "serve") && is_hub_name(pair[1]));
    given
        || words.iter().any(|word| {
            word.split_once('=')
                .is_some_and(|(flag, value)| FLAGS.contains(&flag) && is_hub_name(value))
        })
}

/// Whether an address is of another machine, as far as its text tells.
pub(super) fn is_elsewhere(text: &str) -> bool {
    let Some(captures) = ELSEWHERE.as_ref().and_then(|r| r.captures(text)) else {
        return false;
    };
    let host = captures.get(1).map_or("", |m| m.as_str());
    let inside = [".local", ".internal", ".localhost", ".localdomain"];
    let private = ["127.", "10.", "192.168.", "172.17.", "0.0.0.0", "169.254."];
    host.contains('.')
        && !inside.iter().any(|ending| host.ends_with(ending))
        && !private.iter().any(|start| host.starts_with(start))
}

/// A command on one line, cut where it would fill the terminal.
fn short(words: &[&str]) -> String {
    const MOST: usize = 100;
    let text = words.join(" ");
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: &[&str]) -> Vec<String> {
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        of_words(&words).into_iter().map(|a| a.what).collect()
    }

    #[test]
    fn what_installs_or_fetches_is_found() {
        for (words, expected) in [
            (
                &["sh -c \"pip install -r r.txt && python w.py\""][..],
                "pip install -r r.txt",
            ),
            (
                &["sh", "-c", "apt-get update && apt-get install -y jq"],
                "apt-get update",
            ),
            (&["bash", "-lc", "exec npm ci"], "npm ci"),
            (
                &["npx", "-y", "serve@14", "-l", "3000"],
                "npx -y serve@14 -l 3000",
            ),
            (&["uvx", "mcp-server-time"], "uvx mcp-server-time"),
            (&["python", "-m", "pip", "install", "x"], "pip install x"),
            (&["tini", "--", "pnpm", "dlx", "x"], "pnpm dlx x"),
            (
                &["curl -fsSL https://example.org/x | sh"],
                "curl -fsSL https://example.org/x",
            ),
            (
                &["--model-id", "BAAI/bge-m3", "--port", "80"],
                "--model-id BAAI/bge-m3 --port 80",
            ),
            (
                &["vllm", "serve", "Qwen/Qwen3-8B"],
                "vllm serve Qwen/Qwen3-8B",
            ),
            (&["ollama", "pull", "qwen3"], "ollama pull qwen3"),
        ] {
            assert_eq!(
                asked(words).first().map(String::as_str),
                Some(expected),
                "{words:?}"
            );
        }
    }

    #[test]
    fn what_runs_alone_is_not() {
        for words in [
            &["python", "main.py"][..],
            &["npm", "run", "start"],
            &["npx", "prisma", "migrate", "deploy"],
            &["npx", "@scope/tool"],
            &["uv", "run", "app.py"],
            &["yarn", "start"],
            &["curl", "-f", "http://api:8080/health"],
            &["curl", "http://localhost:3000/a.b"],
            &["pip", "install", "--no-index", "-f", "/wheels", "x"],
            &["redis-server", "--save", "60", "1"],
            &["nginx", "-g", "daemon off;"],
            &["vllm", "serve", "/models/qwen"],
            &["llama-server", "--model", "models/a.gguf"],
            &["git", "daemon"],
        ] {
            assert!(asked(words).is_empty(), "{words:?}: {:?}", asked(words));
        }
    }

    #[test]
    fn lines_of_scripts_are_counted() {
        let text = "#!/bin/sh\nset -e\n# pip install no\nif true; then\n  pip install \\\n    -q x\nfi\nexec \"$@\"\n";
        let found = of_script(text);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].line, found[0].what.as_str()),
            (5, "pip install -q x")
        );
    }
}
