//! Programs that usually need the network when a build runs them.
//!
//! Used in words only ("`pip install` will run without a network"), and to tell
//! which steps go through our proxy; never to decide what is built.

use super::wrappers::behind;

/// Programs that need it whatever they are asked.
const ALWAYS: &[&str] = &[
    "add-apt-repository",
    "aria2c",
    "curl",
    "ftp",
    "lftp",
    "nltk.downloader",
    "rsync",
    "scp",
    "wget",
];

/// Calls in scripts (`python -c`, heredocs) that download, and what to call them.
const CALLS: &[(&str, &str)] = &[
    ("nltk.download(", "nltk"),
    ("nltk.downloader", "nltk"),
    ("spacy.cli.download(", "spacy"),
    ("snapshot_download(", "huggingface"),
    ("hf_hub_download(", "huggingface"),
    (".from_pretrained(", "huggingface"),
    ("SentenceTransformer(", "huggingface"),
    ("load_dataset(", "huggingface"),
    ("torch.hub.load(", "torch.hub"),
    ("urlretrieve(", "urllib"),
    ("urlopen(", "urllib"),
    ("requests.get(", "requests"),
    ("install.packages(", "R"),
];

/// Programs that need it only with one of these words after them; an empty list
/// means any.
const WITH: &[(&str, &[&str])] = &[
    ("apk", &["add", "update", "upgrade", "fetch"]),
    (
        "apt",
        &["install", "update", "upgrade", "full-upgrade", "build-dep"],
    ),
    (
        "apt-get",
        &[
            "install",
            "update",
            "upgrade",
            "dist-upgrade",
            "build-dep",
            "download",
            "source",
        ],
    ),
    ("aptitude", &["install", "update", "upgrade"]),
    ("bun", &["install", "i", "add", "ci"]),
    ("bundle", &["install", "update"]),
    ("cabal", &["update", "install", "build"]),
    (
        "cargo",
        &[
            "install", "fetch", "build", "update", "chef", "binstall", "add", "run", "test",
        ],
    ),
    (
        "composer",
        &["install", "update", "require", "create-project"],
    ),
    ("conda", &["install", "create", "update", "env"]),
    ("corepack", &["enable", "prepare", "install"]),
    ("cpanm", &[]),
    ("deno", &["install", "cache"]),
    (
        "dnf",
        &[
            "install",
            "update",
            "upgrade",
            "builddep",
            "groupinstall",
            "makecache",
        ],
    ),
    ("dotnet", &["restore", "build", "publish", "tool", "add"]),
    ("flutter", &["pub", "build"]),
    ("gem", &["install", "update", "fetch"]),
    (
        "git",
        &["clone", "fetch", "pull", "submodule", "ls-remote", "lfs"],
    ),
    (
        "go",
        &["get", "install", "mod", "build", "test", "run", "generate"],
    ),
    ("gradle", &[]),
    ("gradlew", &[]),
    ("helm", &["pull", "repo", "dependency"]),
    ("huggingface-cli", &["download"]),
    ("hf", &["download"]),
    ("luarocks", &["install"]),
    ("lein", &["deps", "uberjar"]),
    ("mamba", &["install", "create", "update", "env"]),
    ("micromamba", &["install", "create", "update", "env"]),
    ("microdnf", &["install", "update", "upgrade"]),
    ("mix", &["deps.get", "local.hex", "local.rebar"]),
    ("mvn", &[]),
    ("mvnw", &[]),
    ("npm", &["install", "i", "ci", "add", "update", "exec"]),
    ("npx", &[]),
    ("nuget", &["restore", "install"]),
    ("ollama", &["pull"]),
    ("opam", &["install", "update", "init"]),
    ("pacman", &["-S", "-Sy", "-Syu", "-Syy", "-Syyu"]),
    ("pdm", &["install", "sync", "add"]),
    ("pecl", &["install"]),
    ("pip", &["install", "download", "wheel"]),
    ("pip3", &["install", "download", "wheel"]),
    ("pipenv", &["install", "sync", "update"]),
    ("pipx", &["install"]),
    ("playwright", &["install"]),
    ("pnpm", &["install", "i", "add", "fetch", "update", "dlx"]),
    ("poetry", &["install", "add", "update", "sync"]),
    ("rustup", &[]),
    ("sbt", &[]),
    ("spacy", &["download"]),
    ("stack", &["build", "setup", "install"]),
    ("svn", &["checkout", "co", "export"]),
    ("swift", &["build", "package"]),
    ("tdnf", &["install", "update"]),
    (
        "uv",
        &["sync", "pip", "add", "tool", "python", "run", "lock"],
    ),
    ("uvx", &[]),
    ("yarn", &["", "install", "add", "dlx"]),
    (
        "yum",
        &["install", "update", "upgrade", "groupinstall", "makecache"],
    ),
    (
        "zypper",
        &["install", "in", "refresh", "ref", "update", "up"],
    ),
];

/// With one of these words, such a program keeps away from the network; an empty
/// name stands for every program.
const NEVER_WITH: &[(&str, &str)] = &[
    ("", "--offline"),
    ("", "--no-index"),
    ("mvn", "-o"),
    ("mvnw", "-o"),
    ("cargo", "--frozen"),
    ("go", "-mod=vendor"),
];

/// The words that stand before a command without being one.
pub(in crate::closure) const PREFIXES: &[&str] = &[
    "sudo",
    "env",
    "exec",
    "time",
    "nice",
    "command",
    "then",
    "do",
    "else",
    "if",
    "while",
    "until",
    "!",
    "{",
    "(",
    "xargs",
    "eatmydata",
    "gosu",
    "nohup",
];

/// The first program in a shell text that usually needs the network.
pub(crate) fn network_tool(command: &str) -> Option<&'static str> {
    let of_shell = of_commands(command);
    let called = || CALLS.iter().find(|(call, _)| command.contains(call));
    of_shell.or_else(|| called().map(|(_, name)| *name))
}

fn of_commands(command: &str) -> Option<&'static str> {
    one_a_line(command).lines().find_map(of_simple_command)
}

/// A shell text with each simple command in a line of its own.
pub(crate) fn one_a_line(command: &str) -> String {
    command
        .replace("&&", "\n")
        .replace("||", "\n")
        .replace(['|', ';', '&', '`'], "\n")
        .replace("$(", "\n")
}

/// The words of a simple command, without quotes and the brackets of a subshell.
pub(crate) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace()
        .map(|w| w.trim_matches(['"', '\'', '(', ')']))
}

fn of_simple_command(line: &str) -> Option<&'static str> {
    let words: Vec<&str> = words(line).collect();
    let (program, rest) = behind(&words).split_first()?;
    let program = base_name(program);
    match program {
        "sh" | "bash" | "ash" | "dash" if rest.first().is_some_and(|w| w.starts_with('-')) => {
            return of_simple_command(&rest[1..].join(" "));
        }
        _ if program.starts_with("python") && rest.first() == Some(&"-m") => {
            return of_simple_command(&rest[1..].join(" "));
        }
        _ => {}
    }
    if let Some(tool) = ALWAYS.iter().find(|tool| **tool == program) {
        return Some(tool);
    }
    let kept_away = NEVER_WITH
        .iter()
        .any(|(of, word)| (of.is_empty() || *of == program) && rest.contains(word));
    if kept_away {
        return None;
    }
    let (tool, needed) = WITH.iter().find(|(tool, _)| *tool == program)?;
    let bare = rest.is_empty() && needed.contains(&"");
    let named = rest.iter().any(|word| needed.contains(word));
    (needed.is_empty() || bare || named).then_some(*tool)
}

pub(crate) fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

pub(crate) fn base_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_found_where_a_command_stands() {
        for (command, expected) in [
            ("apt-get update && apt-get install -y curl", Some("apt-get")),
            (
                "set -e; DEBIAN_FRONTEND=x apt-get -qq install y",
                Some("apt-get"),
            ),
            ("cd /x && /usr/bin/pip3 install -r r.txt", Some("pip3")),
            ("python3 -m pip install x", Some("pip")),
            ("bash -c \"curl -O https://x\"", Some("curl")),
            ("if true; then wget x; fi", Some("wget")),
            ("X=$(git clone y)", Some("git")),
            ("npm run build", None),
            ("npm ci", Some("npm")),
            ("yarn", Some("yarn")),
            ("yarn build", None),
            ("echo apt-get install", None),
            ("rm -rf /var/lib/apt/lists/*", None),
            ("git config --global a b", None),
            ("./gradlew build", Some("gradlew")),
            ("./gradlew --offline build", None),
            ("mvn -B package", Some("mvn")),
            ("mvn -B -o package", None),
            ("pip install --no-index --find-links /w x", None),
            ("set -eux\napk add --no-cache x\n", Some("apk")),
            ("pip install --no-index -f /wheels x", None),
            ("mvn -o package", None),
            ("mvn -B package", Some("mvn")),
            ("cargo build --release --offline", None),
            ("python -m spacy download en_core_web_sm", Some("spacy")),
            ("python -m nltk.downloader punkt", Some("nltk.downloader")),
            (
                "python -c \"import nltk; nltk.download('punkt')\"",
                Some("nltk"),
            ),
            (
                "python -c 'from huggingface_hub import snapshot_download; snapshot_download(\"x\")'",
                Some("huggingface"),
            ),
            ("ollama serve & sleep 5; ollama pull qwen", Some("ollama")),
            ("hf download x/y", Some("hf")),
            ("su - app -c \"cd /x && npm ci\"", Some("npm")),
            ("sudo -u app pip install x", Some("pip")),
            ("setpriv --reset-env pip install x", Some("pip")),
        ] {
            assert_eq!(network_tool(command), expected, "{command}");
        }
    }
}
