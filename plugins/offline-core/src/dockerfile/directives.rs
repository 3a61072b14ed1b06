//! Parser directives, as BuildKit's `parser/directives.go` reads them.

use super::Error;

pub(super) struct Directives {
    pub(super) syntax: Option<(String, u32)>,
    pub(super) escape: char,
}

/// Reads the directives of a text without its byte order mark. Errors carry no
/// path yet.
pub(super) fn read(text: &str) -> Result<Directives, Error> {
    let mut escape = '\\';
    let mut seen: Vec<String> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let Some((name, value)) = directive(line.trim_start(), "#") else {
            break;
        };
        if !matches!(name.as_str(), "syntax" | "escape" | "check") {
            break;
        }
        if seen.contains(&name) {
            return Err(Error::at(
                number,
                format!("only one {name} parser directive can be used"),
            ));
        }
        if name == "escape" {
            escape = match value {
                "\\" => '\\',
                "`" => '`',
                other => {
                    return Err(Error::at(
                        number,
                        format!("invalid escape token '{other}' does not match ` or \\"),
                    ));
                }
            };
        }
        seen.push(name);
    }
    Ok(Directives {
        syntax: syntax(text),
        escape,
    })
}

/// `DetectSyntax`: after an optional shebang, `# syntax=`, `// syntax=`, or a
/// JSON document with that key.
fn syntax(text: &str) -> Option<(String, u32)> {
    let (skipped, rest) = if text.starts_with("#!") {
        (1, text.split_once('\n').map_or("", |(_, rest)| rest))
    } else {
        (0, text)
    };
    let with_comment = |mark: &str| {
        (skipped + 1..)
            .zip(rest.lines())
            .map_while(|(number, line)| Some((number, directive(line, mark)?)))
            .take_while(|(_, (name, _))| matches!(name.as_str(), "syntax" | "escape" | "check"))
            .find(|(_, (name, _))| name == "syntax")
            .map(|(number, (_, value))| {
                let image = value.split(' ').next().unwrap_or(value);
                (image.to_owned(), number)
            })
    };
    with_comment("#")
        .or_else(|| with_comment("//"))
        .or_else(|| {
            if !rest.trim_start().starts_with('{') {
                return None;
            }
            let document: serde_json::Value = serde_json::from_str(rest).ok()?;
            Some((document["syntax"].as_str()?.to_owned(), skipped + 1))
        })
}

fn directive<'a>(line: &'a str, comment: &str) -> Option<(String, &'a str)> {
    let (name, value) = line.strip_prefix(comment)?.trim_start().split_once('=')?;
    let name = name.trim_end();
    let value = value.trim();
    let word = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric());
    (word && !value.is_empty()).then(|| (name.to_ascii_lowercase(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syntax_in_all_its_forms() {
        for (text, expected) in [
            (
                "# syntax=docker/dockerfile:1\nFROM a",
                Some(("docker/dockerfile:1", 1)),
            ),
            ("#syntax = a/b:1 extra\n", Some(("a/b:1", 1))),
            ("# escape=`\n# SYNTAX=a/b\n", Some(("a/b", 2))),
            ("#!/usr/bin/x\n# syntax=a/b\n", Some(("a/b", 2))),
            ("// syntax=a/b\n", Some(("a/b", 1))),
            ("# a comment\n# syntax=a/b\n", None),
            ("\n# syntax=a/b\n", None),
            ("# check=skip=all\r\n# syntax=a/b\r\n", Some(("a/b", 2))),
            ("FROM a\n# syntax=a/b", None),
        ] {
            let found = read(text).unwrap().syntax;
            assert_eq!(
                found.as_ref().map(|(s, l)| (s.as_str(), *l)),
                expected,
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_directive_twice_is_an_error() {
        assert_eq!(read("# syntax=a\n# syntax=b\n").err().unwrap().line, 2);
    }
}
