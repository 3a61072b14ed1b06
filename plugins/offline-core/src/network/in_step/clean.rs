use std::collections::BTreeSet;

use super::npm;
use crate::network::Mark;

/// What is looked for, and taken out.
pub(super) struct Marks {
    all: Vec<Mark>,
    /// What tells a file that holds any.
    needles: Vec<String>,
}

/// A file's content, cleaned.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cleaned {
    pub(super) bytes: Vec<u8>,
    /// Whether something remains that cannot be taken out.
    pub(super) left: bool,
}

/// What becomes of a line.
enum Line {
    Kept,
    Dropped,
    Changed(String),
}

/// What may stand before a variable's name where a shell prints it.
const DECLARED: &[&str] = &[
    "export ",
    "declare -x ",
    "typeset -x ",
    "readonly ",
    "setenv ",
    "set -gx ",
    "set -x ",
];

impl Marks {
    pub(super) fn read(text: &str) -> Self {
        let all = Mark::read(text);
        let addresses = all.iter().filter_map(|m| m.value.strip_prefix("http://"));
        let mut needles: Vec<String> = addresses.map(str::to_owned).collect();
        needles.push("/.docker-offline-".to_owned());
        needles.sort();
        needles.dedup();
        Self { all, needles }
    }

    /// `None` where nothing of ours is in it.
    pub(super) fn cleaned(&self, held: &[u8]) -> Option<Cleaned> {
        self.tells(held).then(|| {
            let bytes = if held.contains(&0) {
                self.without_records(held)
            } else {
                self.without_lines(held)
            };
            let left = self.tells(&bytes);
            Cleaned { bytes, left }
        })
    }

    fn tells(&self, bytes: &[u8]) -> bool {
        self.needles
            .iter()
            .any(|needle| contains(bytes, needle.as_bytes()))
    }

    /// What the kernel and `env -0` print. Any other file with NULs is a program's own.
    fn without_records(&self, held: &[u8]) -> Vec<u8> {
        let records: Vec<&[u8]> = held.split_inclusive(|b| *b == 0).collect();
        let is_variable = |record: &&[u8]| {
            record
                .iter()
                .position(|b| *b == b'=')
                .is_some_and(|at| at > 0)
        };
        if !records.iter().all(is_variable) {
            return held.to_owned();
        }
        let ours = |record: &&&[u8]| {
            let text = String::from_utf8_lossy(record);
            let text = text.trim_end_matches('\0');
            self.all
                .iter()
                .any(|m| text == format!("{}={}", m.name, m.value))
        };
        records
            .iter()
            .filter(|r| !ours(r))
            .copied()
            .collect::<Vec<_>>()
            .concat()
    }

    fn without_lines(&self, held: &[u8]) -> Vec<u8> {
        let mut kept: Vec<Vec<u8>> = Vec::new();
        let mut dropped = BTreeSet::new();
        for line in held.split_inclusive(|b| *b == b'\n') {
            let Ok(text) = std::str::from_utf8(line) else {
                kept.push(line.to_owned());
                continue;
            };
            match self.line(text) {
                Line::Kept => kept.push(line.to_owned()),
                Line::Changed(text) => kept.push(text.into_bytes()),
                Line::Dropped => {
                    let key = text.split_once(" = ").map(|(key, _)| key.to_owned());
                    dropped.extend(key);
                    // The last member of an object has no comma.
                    if is_last_member(text)
                        && let Some(before) = kept.last_mut()
                    {
                        drop_comma(before);
                    }
                }
            }
        }
        let kept = kept.concat();
        match std::str::from_utf8(&kept) {
            Ok(text) => npm::without_settings(text, &dropped).into_bytes(),
            Err(_) => kept,
        }
    }

    fn line(&self, line: &str) -> Line {
        let told = line.trim().strip_prefix("Picked up ");
        let told = told.map(|told| told.replacen(": ", "=", 1));
        if self
            .all
            .iter()
            .any(|mark| assigns(told.as_deref().unwrap_or(line), mark))
        {
            return Line::Dropped;
        }
        let mut changed = line.to_owned();
        for mark in &self.all {
            changed = without_members(&changed, mark);
        }
        if changed == line {
            Line::Kept
        } else {
            Line::Changed(changed)
        }
    }
}

/// Whether a line does nothing but give a name the mark's value, in the manner of a
/// shell, of a settings file, or of an object over several lines.
fn assigns(line: &str, mark: &Mark) -> bool {
    let line = line.trim().trim_end_matches([',', ';']).trim_end();
    let declared = DECLARED.iter().find_map(|word| line.strip_prefix(word));
    let Some(before) = before_value(line, mark).or_else(|| before_list(line, mark)) else {
        return false;
    };
    let offset = line.len() - declared.unwrap_or(line).len();
    let Some(before) = before.get(offset..) else {
        return false;
    };
    let before = before.trim_end();
    let key = before
        .strip_suffix("=>")
        .or_else(|| before.strip_suffix(['=', ':']));
    // `setenv NAME value` has nothing between.
    let Some(key) = key.or_else(|| declared.map(|_| before)) else {
        return false;
    };
    let key = key.trim().trim_matches(['"', '\'']);
    let named = mark.is_telling()
        || key == mark.name
        || (key == "noproxy" && mark.name.eq_ignore_ascii_case("no_proxy"));
    !key.is_empty() && !key.contains(char::is_whitespace) && named
}

/// What stands before the value, with whatever quotes; npm adds a slash to an address.
fn before_value<'a>(line: &'a str, mark: &Mark) -> Option<&'a str> {
    ["\"", "'", ""].iter().find_map(|quote| {
        let line = line.strip_suffix(quote)?;
        let line = if mark.value.starts_with("http://") {
            line.strip_suffix('/').unwrap_or(line)
        } else {
            line
        };
        line.strip_suffix(mark.value.as_str())?.strip_suffix(quote)
    })
}

/// The same for `["localhost", "127.0.0.1"]`.
fn before_list<'a>(line: &'a str, mark: &Mark) -> Option<&'a str> {
    let (before, list) = line.strip_suffix(']')?.rsplit_once('[')?;
    let plain = list.replace(['"', '\'', ' '], "");
    (!plain.is_empty() && plain == mark.value).then_some(before)
}

/// A line without the members that give this variable, in an object or a list of
/// assignments on one line.
fn without_members(line: &str, mark: &Mark) -> String {
    let mut line = line.to_owned();
    let (name, value) = (&mark.name, &mark.value);
    for quote in ['"', '\''] {
        for between in [":", ": ", "=", " => "] {
            let member = format!("{quote}{name}{quote}{between}{quote}{value}{quote}");
            while let Some(at) = line.find(&member) {
                let end = at + member.len();
                let after = line[end..].strip_prefix(',').map(str::trim_start);
                line = if let Some(rest) = after {
                    format!("{}{rest}", &line[..at])
                } else {
                    let before = line[..at].trim_end();
                    let before = before.strip_suffix(',').unwrap_or(before);
                    format!("{before}{}", &line[end..])
                };
            }
        }
    }
    let word = format!("{name}={value}");
    let mut from = 0;
    while let Some(at) = line[from..].find(&word).map(|at| from + at) {
        let end = at + word.len();
        let begins = at == 0 || line[..at].ends_with(' ');
        let ends = line[end..].starts_with([' ', '\n']) || end == line.len();
        if begins && ends {
            let after = line[end..].strip_prefix(' ');
            line = match after {
                Some(rest) => format!("{}{rest}", &line[..at]),
                None => format!("{}{}", line[..at].trim_end_matches(' '), &line[end..]),
            };
            from = at.min(line.len());
        } else {
            from = end;
        }
    }
    line
}

fn is_last_member(line: &str) -> bool {
    let line = line.trim();
    line.starts_with(['"', '\'']) && !line.ends_with(',') && line.contains(':')
}

fn drop_comma(line: &mut Vec<u8>) {
    let end = line.iter().rposition(|b| !b.is_ascii_whitespace());
    if let Some(at) = end.filter(|at| line[*at] == b',') {
        line.remove(at);
    }
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    let Some(first) = needle.first() else {
        return false;
    };
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|b| b == first) {
        if bytes[from + at..].starts_with(needle) {
            return true;
        }
        from += at + 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: &str = "HTTP_PROXY=http://172.17.0.1:3128\nhttps_proxy=http://172.17.0.1:3128\nNO_PROXY=localhost,127.0.0.1,::1\nPIP_CERT=/.docker-offline-ca.pem\nNODE_USE_ENV_PROXY=1\n_JAVA_OPTIONS=-Dhttp.proxyHost=172.17.0.1 -Dx=/.docker-offline-ca.jks\n";

    fn cleaned(text: &str) -> (String, bool) {
        let cleaned = Marks::read(MARKS).cleaned(text.as_bytes()).unwrap();
        (String::from_utf8(cleaned.bytes).unwrap(), cleaned.left)
    }

    #[test]
    fn what_shells_and_tools_print() {
        for (held, kept) in [
            (
                "A=1\nHTTP_PROXY=http://172.17.0.1:3128\nNO_PROXY=localhost,127.0.0.1,::1\nNODE_USE_ENV_PROXY=1\nB=2\n",
                "A=1\nB=2\n",
            ),
            (
                "export HTTP_PROXY='http://172.17.0.1:3128'\nexport A='1'\n",
                "export A='1'\n",
            ),
            (
                "declare -x PIP_CERT=\"/.docker-offline-ca.pem\"\ndeclare -x A\n",
                "declare -x A\n",
            ),
            ("setenv PIP_CERT /.docker-offline-ca.pem\nx\n", "x\n"),
            (
                "_JAVA_OPTIONS='-Dhttp.proxyHost=172.17.0.1 -Dx=/.docker-offline-ca.jks'\nx\n",
                "x\n",
            ),
            (
                "Picked up _JAVA_OPTIONS: -Dhttp.proxyHost=172.17.0.1 -Dx=/.docker-offline-ca.jks\nx\n",
                "x\n",
            ),
            (":env:.cert='/.docker-offline-ca.pem'\n", ""),
            (
                "https-proxy = \"http://172.17.0.1:3128/\"\nnoproxy = [\"localhost\", \"127.0.0.1\", \"::1\"]\nx = 1\n",
                "x = 1\n",
            ),
            ("HTTP_PROXY: http://172.17.0.1:3128\r\nA: b\r\n", "A: b\r\n"),
            (
                "{\"A\": \"1\", \"HTTP_PROXY\": \"http://172.17.0.1:3128\", \"B\": \"2\"}\n",
                "{\"A\": \"1\", \"B\": \"2\"}\n",
            ),
            (
                "{\"A\":\"1\",\"PIP_CERT\":\"/.docker-offline-ca.pem\"}",
                "{\"A\":\"1\"}",
            ),
            (
                "{\n  \"A\": \"1\",\n  \"PIP_CERT\": \"/.docker-offline-ca.pem\"\n}\n",
                "{\n  \"A\": \"1\"\n}\n",
            ),
            (
                "A=1 HTTP_PROXY=http://172.17.0.1:3128 B=2 PIP_CERT=/.docker-offline-ca.pem\n",
                "A=1 B=2\n",
            ),
        ] {
            assert_eq!(cleaned(held), (kept.to_owned(), false), "{held}");
        }
    }

    #[test]
    fn what_cannot_be_taken_out_is_left_and_told() {
        for held in [
            "Connecting to 172.17.0.1:3128... connected.\n",
            "x\0\0HTTP_PROXY=http://172.17.0.1:3128\0",
            "two words HTTP_PROXY=http://172.17.0.1:3128/path\n",
        ] {
            assert_eq!(cleaned(held), (held.to_owned(), true), "{held}");
        }
    }

    #[test]
    fn records_of_the_kernel() {
        let held = "A=1\0HTTP_PROXY=http://172.17.0.1:3128\0B=2\0";
        assert_eq!(cleaned(held), ("A=1\0B=2\0".to_owned(), false));
    }

    #[test]
    fn a_file_without_our_marks_stays_as_it_is() {
        let marks = Marks::read(MARKS);
        for held in [
            "NO_PROXY=localhost,127.0.0.1,::1\n",
            "NODE_USE_ENV_PROXY=1\n",
            "172.17.0.1\n",
        ] {
            assert_eq!(marks.cleaned(held.as_bytes()), None, "{held}");
        }
    }
}
