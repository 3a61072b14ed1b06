//! `.env` files, as compose-go's `dotenv/parser.go` reads them.

use std::collections::BTreeMap;

use super::interpolate::{Lookup, Problem, interpolate};

/// What is wrong, and on which line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) line: u32,
    pub(super) problem: String,
}

/// Reads assignments into `into`; `lookup` gives the values of other variables.
pub(super) fn parse(
    text: &str,
    into: &mut BTreeMap<String, String>,
    lookup: &impl Lookup,
) -> Result<(), Broken> {
    let text = text.trim_start_matches('\u{feff}');
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(());
        }
        let line = line_number(text, rest);
        if rest.starts_with('#') {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
            continue;
        }
        let broken = |problem: String| Broken { line, problem };
        let (key, value, after) = statement(rest).map_err(broken)?;
        let value = match value {
            Value::Inherited => lookup.get(&key).or_else(|| into.get(&key).cloned()),
            Value::Literal(text) => Some(text),
            Value::Expanded(text) => {
                let known = Known { into, lookup };
                let expanded = interpolate(&text, &known);
                Some(expanded.map_err(|problem| broken(words(problem)))?)
            }
        };
        if let Some(value) = value {
            into.insert(key, value);
        }
        rest = after;
    }
}

enum Value {
    /// Only a name: the value is the environment's.
    Inherited,
    /// In single quotes.
    Literal(String),
    Expanded(String),
}

fn statement(text: &str) -> Result<(String, Value, &str), String> {
    let text = match text.strip_prefix("export") {
        Some(rest) if rest.starts_with(is_space) => rest.trim_start_matches(is_space),
        _ => text,
    };
    let end = text.find(['=', ':', '\n']).unwrap_or(text.len());
    let key = text[..end].trim_end();
    let allowed = |c: char| c.is_alphanumeric() || "_.-[]".contains(c) || is_space(c);
    if let Some(wrong) = key.chars().find(|c| !allowed(*c)) {
        return Err(format!(
            "unexpected character {wrong:?} in the variable name {key:?}"
        ));
    }
    if key.contains(' ') {
        return Err(format!("the variable name {key:?} contains a space"));
    }
    if !text[end..].starts_with(['=', ':']) {
        return Ok((key.to_owned(), Value::Inherited, &text[end..]));
    }
    let text = text[end + 1..].trim_start_matches(is_space);
    let (value, rest) = if let Some(quote @ ('"' | '\'')) = text.chars().next() {
        quoted(text, quote)?
    } else {
        let line_end = text.find('\n').unwrap_or(text.len());
        let line = &text[..line_end];
        let line = line.split(" #").next().unwrap_or(line).trim_end();
        (Value::Expanded(line.to_owned()), &text[line_end..])
    };
    Ok((key.to_owned(), value, rest))
}

fn quoted(text: &str, quote: char) -> Result<(Value, &str), String> {
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            let rest = &text[at + c.len_utf8()..];
            let value = match quote {
                '"' => Value::Expanded(unescape(&value)),
                _ => Value::Literal(value),
            };
            return Ok((value, rest));
        }
        if c == '\\' && !escaped {
            escaped = true;
            continue;
        }
        if escaped && c != quote {
            value.push('\\');
        }
        escaped = false;
        value.push(c);
    }
    let line = text.lines().next().unwrap_or_default();
    Err(format!("the quoted value {line} has no end"))
}

/// The escapes of a shell; `\$` becomes `$$`, which is a `$` after expansion.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let Some(next) = chars.peek().copied() else {
            out.push('\\');
            break;
        };
        let replaced = match next {
            'a' => "\x07",
            'b' => "\x08",
            'f' => "\x0c",
            'n' => "\n",
            'r' => "\r",
            't' => "\t",
            'v' => "\x0b",
            '$' => "$$",
            '"' => "\"",
            '\\' => "\\",
            _ => {
                out.push('\\');
                continue;
            }
        };
        chars.next();
        out.push_str(replaced);
    }
    out
}

/// White space that ends no line.
fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\x0b' | '\x0c' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}

fn line_number(whole: &str, rest: &str) -> u32 {
    let before = &whole[..whole.len() - rest.len()];
    u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX)
}

fn words(problem: Problem) -> String {
    match problem {
        Problem::Invalid { text } => format!("no variable begins at a `${{` of {text:?}"),
        Problem::Required { variable, message } => {
            format!("the variable {variable} must be set: {message}")
        }
    }
}

struct Known<'a, L> {
    into: &'a BTreeMap<String, String>,
    lookup: &'a L,
}

impl<L: Lookup> Lookup for Known<'_, L> {
    fn get(&self, name: &str) -> Option<String> {
        self.lookup
            .get(name)
            .or_else(|| self.into.get(name).cloned())
    }
    fn missing(&self, name: &str) {
        self.lookup.missing(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Shell;

    impl Lookup for Shell {
        fn get(&self, name: &str) -> Option<String> {
            (name == "HOME").then(|| "/root".into())
        }
        fn missing(&self, _: &str) {}
    }

    fn read(text: &str) -> Result<BTreeMap<String, String>, Broken> {
        let mut into = BTreeMap::new();
        parse(text, &mut into, &Shell).map(|()| into)
    }

    #[test]
    fn values_are_read_as_compose_reads_them() {
        let text = "\u{feff}# comment\nA=1 # one\nexport B = two words \nC: yaml\nD='$A \\'x'\nE=\"$A\\n${HOME}\\$A\"\nHOME\nNONE\nF=a#b\nG=\nH=${A}2\nI=\"two\nlines\"\nJ=${X:-d}\r\n";
        let vars = read(text).unwrap();
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "yaml"),
            ("D", "$A 'x"),
            ("E", "1\n/root$A"),
            ("HOME", "/root"),
            ("F", "a#b"),
            ("G", ""),
            ("H", "12"),
            ("I", "two\nlines"),
            ("J", "d"),
        ];
        for (name, value) in expected {
            assert_eq!(vars.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert_eq!(vars.len(), expected.len());
    }

    #[test]
    fn what_is_broken_is_said_with_its_line() {
        let line = |text: &str| read(text).unwrap_err().line;
        assert_eq!(line("A=1\n\nB C=2\n"), 3);
        assert_eq!(line("A=1\nB!=2\n"), 2);
        assert_eq!(line("A='x\ny\n"), 1);
        assert_eq!(line("#\nA=${}\n"), 2);
    }
}
