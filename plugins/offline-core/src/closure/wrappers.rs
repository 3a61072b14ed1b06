//! Programs that run another as somebody else, or in another environment.

use super::network_tools::{PREFIXES, base_name, is_assignment, one_a_line, words};

/// Those that give what they run other variables than they were given, unless they are
/// told otherwise.
const DROPPING: &[&str] = &["doas", "pkexec", "runuser", "setpriv", "su", "sudo"];

/// Options that take the next word, by program.
const WITH_VALUE: &[(&str, &[&str])] = &[
    ("chroot", &[]),
    ("doas", &["-u", "-C"]),
    ("env", &["-u", "--unset", "-C", "--chdir"]),
    (
        "setpriv",
        &[
            "--reuid",
            "--regid",
            "--ruid",
            "--euid",
            "--rgid",
            "--egid",
            "--groups",
            "--inh-caps",
            "--ambient-caps",
            "--bounding-set",
            "--securebits",
            "--pdeathsig",
            "--selinux-label",
            "--apparmor-profile",
        ],
    ),
    (
        "sudo",
        &[
            "-u", "--user", "-g", "--group", "-h", "--host", "-p", "--prompt", "-C", "-D",
            "--chdir", "-R", "-T", "-U", "-r", "-t",
        ],
    ),
];

/// Whether a shell text has a command that may not see the variables of its step.
pub(crate) fn drops_variables(command: &str) -> bool {
    one_a_line(command).lines().any(|line| {
        let words: Vec<&str> = words(line).collect();
        let mut names = words.iter().map(|word| base_name(word));
        names.any(|name| DROPPING.contains(&name)) || clears(&words)
    })
}

/// Whether a shell text runs a script of its own: a file by its path, or by a shell.
pub(crate) fn runs_script(command: &str) -> bool {
    const SHELLS: &[&str] = &["sh", "bash", "ash", "dash", "zsh", "source", "."];
    const SYSTEM: &[&str] = &["/bin/", "/sbin/", "/usr/"];
    one_a_line(command).lines().any(|line| {
        let words: Vec<&str> = words(line).collect();
        let Some((program, rest)) = behind(&words).split_first() else {
            return false;
        };
        if SHELLS.contains(&base_name(program)) {
            let mut rest = rest.iter();
            return !rest.any(|w| *w == "--command" || is_short(w, 'c'));
        }
        // Not the rest of a pattern in quotes, which is cut like a pipe.
        let is_path = |c: char| c.is_ascii_alphanumeric() || "./_-+${}~".contains(c);
        let path = program.contains('/') && program.chars().all(is_path);
        path && !SYSTEM.iter().any(|folder| program.starts_with(folder))
    })
}

/// `env -i`, which is also written `env -`.
fn clears(words: &[&str]) -> bool {
    let mut behind = words.iter().skip_while(|word| base_name(word) != "env");
    behind
        .by_ref()
        .skip(1)
        .take_while(|word| word.starts_with('-'))
        .any(|word| matches!(*word, "-" | "-i" | "--ignore-environment") || is_short(word, 'i'))
}

/// Several options in one word.
fn is_short(word: &str, option: char) -> bool {
    let letters = word.strip_prefix('-').filter(|l| !l.starts_with('-'));
    letters.is_some_and(|letters| letters.contains(option))
}

/// The words of a simple command without what stands before the program that does the
/// work; none where a shell is started for somebody to type in.
pub(crate) fn behind<'s, 'w>(mut words: &'s [&'w str]) -> &'s [&'w str] {
    while let Some((first, rest)) = words.split_first() {
        let program = base_name(first);
        words = match program {
            "su" | "runuser" => return of_user(rest),
            "chroot" => past_options(program, rest).get(1..).unwrap_or_default(),
            "sudo" | "doas" | "env" | "setpriv" => past_options(program, rest),
            _ if PREFIXES.contains(first)
                || first.starts_with('-')
                || first.is_empty()
                || is_assignment(first) =>
            {
                rest
            }
            _ => return words,
        };
    }
    words
}

fn past_options<'s, 'w>(program: &str, mut words: &'s [&'w str]) -> &'s [&'w str] {
    let with_value = WITH_VALUE.iter().find(|(name, _)| *name == program);
    let with_value = with_value.map_or(&[][..], |(_, options)| *options);
    while let Some((first, rest)) = words.split_first() {
        if !first.starts_with('-') {
            break;
        }
        let takes = usize::from(with_value.contains(first));
        words = rest.get(takes..).unwrap_or_default();
        if *first == "--" {
            break;
        }
    }
    words
}

/// `su - app -c TEXT`, `runuser -u app -- COMMAND`.
fn of_user<'s, 'w>(words: &'s [&'w str]) -> &'s [&'w str] {
    let is_text = |word: &&str| *word == "--command" || is_short(word, 'c');
    let begins = |word: &&str| is_text(word) || *word == "--";
    match words.iter().position(begins) {
        Some(at) => behind(&words[at + 1..]),
        None => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_the_work_is_found() {
        for (line, expected) in [
            ("sudo apt-get install x", "apt-get install x"),
            ("sudo -E -u app pip install x", "pip install x"),
            ("sudo --user=app A=b -- pip install x", "pip install x"),
            ("su - app -c \"pip install x\"", "pip install x"),
            ("su -lc 'pip install x' app", "pip install x app"),
            ("runuser -u app -- npm ci", "npm ci"),
            ("env -i PATH=/bin pip install x", "pip install x"),
            ("env -u A pip install x", "pip install x"),
            (
                "setpriv --reuid 1000 --reset-env pip install x",
                "pip install x",
            ),
            ("chroot /mnt apt-get update", "apt-get update"),
            ("time nice sudo env A=b curl x", "curl x"),
            ("su - app", ""),
            ("pip install sudo", "pip install sudo"),
        ] {
            let words: Vec<&str> = words(line).collect();
            assert_eq!(behind(&words).join(" "), expected, "{line}");
        }
    }

    #[test]
    fn a_script_is_a_file_or_what_a_shell_reads() {
        for (text, expected) in [
            ("sh /fetch.sh x", true),
            ("cd /x && ./setup.sh", true),
            (". ./env.sh", true),
            ("curl x | bash", true),
            ("/opt/setup", true),
            ("bash -lc 'pip install x'", false),
            ("/usr/bin/pip install x", false),
            ("make", false),
            ("grep -r x /etc", false),
        ] {
            assert_eq!(runs_script(text), expected, "{text}");
        }
    }

    #[test]
    fn who_drops_the_variables() {
        for (text, expected) in [
            ("mkdir x && sudo apt-get update", true),
            ("env -i A=b curl x", true),
            ("env - curl x", true),
            ("env -vi curl x", true),
            ("/usr/bin/su app -c x", true),
            ("env A=-i curl -i x", false),
            ("curl -i x", false),
            ("gosu app pip install x", false),
        ] {
            assert_eq!(drops_variables(text), expected, "{text}");
        }
    }
}
