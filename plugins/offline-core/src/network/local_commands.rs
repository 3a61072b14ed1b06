//! Commands that certainly stay away from the network.
//!
//! The list errs on one side only: what is not in it may use the network. What
//! runs other programs (`eval`, `xargs`, `find -exec`), scripts, and what runs
//! scripts of packages (`dpkg`) is local only as far as it can be looked through.

/// Local whatever they are asked.
const LOCAL: &[&str] = &[
    // Words of the shell.
    ":",
    "[",
    "[[",
    "alias",
    "break",
    "cd",
    "continue",
    "declare",
    "echo",
    "elif",
    "esac",
    "exit",
    "export",
    "false",
    "fi",
    "for",
    "hash",
    "local",
    "printf",
    "pwd",
    "read",
    "readonly",
    "return",
    "set",
    "shift",
    "shopt",
    "test",
    "true",
    "type",
    "ulimit",
    "umask",
    "unset",
    "wait",
    "done",
    "}",
    ")",
    // Files.
    "base64",
    "basename",
    "bunzip2",
    "bzip2",
    "cat",
    "chgrp",
    "chmod",
    "chown",
    "cksum",
    "cmp",
    "comm",
    "cp",
    "cut",
    "date",
    "dd",
    "df",
    "diff",
    "dirname",
    "dos2unix",
    "du",
    "expr",
    "file",
    "fold",
    "grep",
    "egrep",
    "fgrep",
    "gunzip",
    "gzip",
    "head",
    "install",
    "join",
    "ln",
    "ls",
    "md5sum",
    "mkdir",
    "mkfifo",
    "mknod",
    "mktemp",
    "mv",
    "nl",
    "od",
    "patch",
    "paste",
    "readlink",
    "realpath",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "setcap",
    "setfacl",
    "sha1sum",
    "sha256sum",
    "sha512sum",
    "shred",
    "shuf",
    "sleep",
    "sort",
    "split",
    "stat",
    "strip",
    "sync",
    "tac",
    "tail",
    "tar",
    "tee",
    "touch",
    "tr",
    "tree",
    "truncate",
    "uniq",
    "unlink",
    "unxz",
    "unzip",
    "wc",
    "xz",
    "xxd",
    "yes",
    "zcat",
    "zip",
    "zstd",
    // The system.
    "addgroup",
    "adduser",
    "arch",
    "chpasswd",
    "chsh",
    "delgroup",
    "deluser",
    "env",
    "groupadd",
    "groupdel",
    "groupmod",
    "hostname",
    "id",
    "ldconfig",
    "locale-gen",
    "localedef",
    "ps",
    "uname",
    "update-alternatives",
    "update-ca-certificates",
    "update-locale",
    "useradd",
    "userdel",
    "usermod",
    "which",
    "whoami",
];

/// Local with one of these words next to them.
const LOCAL_WITH: &[(&str, &[&str])] = &[
    ("apt-get", &["clean", "autoclean"]),
    ("apt-mark", &["auto", "manual", "hold", "unhold"]),
    ("python", &["-mcompileall"]),
    ("python3", &["-mcompileall"]),
];

/// What stands before a command.
const BEFORE: &[&str] = &[
    "!", "(", "command", "do", "else", "exec", "if", "nice", "nohup", "sudo", "then", "time",
    "until", "while", "{",
];

/// Whether nothing in a shell text can use the network.
pub(super) fn all_local(text: &str) -> bool {
    // Redirections of bash that open a connection or run something.
    if ["<(", ">(", "/dev/tcp", "/dev/udp"]
        .iter()
        .any(|m| text.contains(m))
    {
        return false;
    }
    let separated = text
        .replace("$((", "((")
        .replace("$(", "\n")
        .replace("&&", "\n")
        .replace("2>&1", "")
        .replace(['|', ';', '&', '`'], "\n");
    let mut commands = separated
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#') || line.starts_with("#!"));
    commands.all(|line| is_local(&words(line)))
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace()
        .map(|w| w.trim_matches(['"', '\'']))
        .collect()
}

fn is_local(words: &[&str]) -> bool {
    let Some((first, rest)) = words.split_first() else {
        return true;
    };
    if first.is_empty() || first.starts_with("<<") || is_assignment(first) || BEFORE.contains(first)
    {
        return is_local(rest);
    }
    if let Some(within) = first.strip_prefix('(') {
        return is_local(&[&[within], rest].concat());
    }
    let Some(program) = on_path(first) else {
        return false;
    };
    match program {
        "sh" | "bash" | "ash" | "dash" => runs_text(rest),
        "find" => each_after(rest, &["-exec", "-execdir", "-ok", "-okdir"]),
        "xargs" => {
            let options = rest.iter().take_while(|w| w.starts_with('-')).count();
            options < rest.len() && is_local(&rest[options..])
        }
        // `env` with a command, and `install --strip-program`, run others.
        "env" => rest.iter().all(|w| is_assignment(w)),
        _ => {
            LOCAL.contains(&program.trim_end_matches(')'))
                || LOCAL_WITH.iter().any(|(name, with)| {
                    *name == program
                        && (with.contains(rest.first().unwrap_or(&"")) || joined(rest, with))
                })
        }
    }
}

/// `-m compileall` in two words.
fn joined(rest: &[&str], with: &[&str]) -> bool {
    rest.len() > 1 && with.contains(&[rest[0], rest[1]].concat().as_str())
}

/// `sh -c TEXT`: the text is looked at as any other.
fn runs_text(rest: &[&str]) -> bool {
    match rest.split_first() {
        Some((flag, text)) => flag.starts_with('-') && flag.ends_with('c') && is_local(text),
        None => false,
    }
}

fn each_after(words: &[&str], marks: &[&str]) -> bool {
    words
        .iter()
        .enumerate()
        .filter(|(_, word)| marks.contains(word))
        .all(|(at, _)| is_local(&words[at + 1..]))
}

/// The name of a program that is looked for where systems keep theirs.
fn on_path(word: &str) -> Option<&str> {
    match word.rsplit_once('/') {
        None => Some(word),
        Some(("/bin" | "/sbin" | "/usr/bin" | "/usr/sbin", name)) => Some(name),
        Some(_) => None,
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}
