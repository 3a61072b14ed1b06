//! Variable expansion as BuildKit's `shell.Lex` does it (`shell/lex.go`).

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use super::glob::Glob;

/// Nesting deeper than this is no Dockerfile, and would exhaust the stack.
const MAX_DEPTH: usize = 64;

/// Expands `$name` and `${name...}` in a word, and removes quotes and escapes.
///
/// Unset variables become nothing. Fails, with BuildKit's words, on a broken
/// substitution and on `${name:?message}`.
pub fn expand(
    word: &str,
    environment: &BTreeMap<String, String>,
    escape: char,
) -> Result<String, String> {
    let mut lexer = Lexer {
        input: word.chars().peekable(),
        environment,
        escape,
        depth: 0,
    };
    lexer
        .until(None, false)
        .map_err(|why| format!("failed to process {word:?}: {why}"))
}

struct Lexer<'a> {
    input: Peekable<Chars<'a>>,
    environment: &'a BTreeMap<String, String>,
    escape: char,
    depth: usize,
}

impl Lexer<'_> {
    /// Reads up to `stop` (taken, not returned) or the end.
    fn until(&mut self, stop: Option<char>, raw_escapes: bool) -> Result<String, String> {
        if self.depth > MAX_DEPTH {
            return Err("substitutions are nested too deeply".into());
        }
        self.depth += 1;
        let mut result = String::new();
        while let Some(&c) = self.input.peek() {
            if Some(c) == stop {
                self.input.next();
                self.depth -= 1;
                return Ok(result);
            }
            match c {
                '$' => result.push_str(&self.dollar()?),
                '\'' => self.single_quoted(&mut result)?,
                '"' => self.double_quoted(&mut result, raw_escapes)?,
                _ => {
                    self.input.next();
                    if c == self.escape {
                        if raw_escapes {
                            result.push(c);
                        }
                        result.extend(self.input.next());
                    } else {
                        result.push(c);
                    }
                }
            }
        }
        self.depth -= 1;
        match stop {
            Some(stop) => Err(format!(
                "unexpected end of statement while looking for matching {stop}"
            )),
            None => Ok(result),
        }
    }

    fn single_quoted(&mut self, result: &mut String) -> Result<(), String> {
        self.input.next();
        loop {
            match self.input.next() {
                Some('\'') => return Ok(()),
                Some(c) => result.push(c),
                None => {
                    return Err(
                        "unexpected end of statement while looking for matching single-quote"
                            .into(),
                    );
                }
            }
        }
    }

    fn double_quoted(&mut self, result: &mut String, raw_escapes: bool) -> Result<(), String> {
        self.input.next();
        loop {
            match self.input.peek().copied() {
                None => {
                    return Err(
                        "unexpected end of statement while looking for matching double-quote"
                            .into(),
                    );
                }
                Some('"') => {
                    self.input.next();
                    return Ok(());
                }
                Some('$') => result.push_str(&self.dollar()?),
                Some(c) => {
                    self.input.next();
                    if c != self.escape {
                        result.push(c);
                        continue;
                    }
                    if raw_escapes {
                        result.push(c);
                    }
                    match self.input.peek().copied() {
                        None => {}
                        Some(next) if next == '"' || next == '$' || next == self.escape => {
                            self.input.next();
                            result.push(next);
                        }
                        Some(_) => result.push(c),
                    }
                }
            }
        }
    }

    fn dollar(&mut self) -> Result<String, String> {
        self.input.next();
        if self.input.peek() != Some(&'{') {
            let name = self.name();
            return Ok(if name.is_empty() {
                "$".to_owned()
            } else {
                self.value(&name).unwrap_or_default()
            });
        }
        self.input.next();
        match self.input.peek() {
            None => return Err("syntax error: missing '}'".into()),
            Some('{' | '}' | ':') => return Err("syntax error: bad substitution".into()),
            Some(_) => {}
        }
        let name = self.name();
        let value = self.value(&name);
        match self.input.next() {
            Some('}') => Ok(value.unwrap_or_default()),
            Some(':') => match self.input.next() {
                Some(modifier @ ('+' | '-' | '?')) => {
                    let value = value.filter(|v| !v.is_empty());
                    self.conditional(&name, value, modifier, "is not allowed to be empty")
                }
                other => Err(unsupported(':', other)),
            },
            Some(modifier @ ('+' | '-' | '?')) => {
                self.conditional(&name, value, modifier, "is not allowed to be unset")
            }
            Some(side @ ('#' | '%')) => {
                let pattern = self.until(Some('}'), true).map_err(missing_brace)?;
                let (pattern, longest) = match pattern.strip_prefix(side) {
                    Some(rest) => (rest, true),
                    None => (pattern.as_str(), false),
                };
                let value = value.unwrap_or_default();
                let glob = Glob::new(pattern);
                Ok(if side == '#' {
                    glob.without_prefix(&value, longest)
                } else {
                    glob.without_suffix(&value, longest)
                })
            }
            Some('/') => {
                let all = self.input.next_if_eq(&'/').is_some();
                let pattern = self.until(Some('/'), true)?;
                let with = self.until(Some('}'), true).map_err(missing_brace)?;
                let value = value.unwrap_or_default();
                Ok(Glob::new(&pattern).replace(&value, &with, all))
            }
            None => Err("syntax error: missing '}'".into()),
            other => Err(unsupported(' ', other)),
        }
    }

    fn conditional(
        &mut self,
        name: &str,
        value: Option<String>,
        modifier: char,
        complaint: &str,
    ) -> Result<String, String> {
        let word = self.until(Some('}'), false).map_err(missing_brace)?;
        match (modifier, value) {
            ('-', value) => Ok(value.unwrap_or(word)),
            ('+', Some(_)) => Ok(word),
            ('+', None) => Ok(String::new()),
            (_, Some(value)) => Ok(value),
            (_, None) if word.is_empty() => Err(format!("{name}: {complaint}")),
            (_, None) => Err(format!("{name}: {word}")),
        }
    }

    /// Letters, digits and `_`; or digits alone; or one special character.
    fn name(&mut self) -> String {
        let mut name = String::new();
        match self.input.peek() {
            Some(c) if c.is_ascii_digit() => {
                while let Some(c) = self.input.next_if(char::is_ascii_digit) {
                    name.push(c);
                }
            }
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => name.extend(self.input.next()),
            _ => {
                while let Some(c) = self.input.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    name.push(c);
                }
            }
        }
        name
    }

    fn value(&self, name: &str) -> Option<String> {
        self.environment.get(name).cloned()
    }
}

fn missing_brace(why: String) -> String {
    if why.ends_with("matching }") {
        "syntax error: missing '}'".into()
    } else {
        why
    }
}

fn unsupported(first: char, second: Option<char>) -> String {
    let modifier: String = [Some(first), second].into_iter().flatten().collect();
    format!("unsupported modifier ({}) in substitution", modifier.trim())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn environment() -> BTreeMap<String, String> {
        [("A", "one"), ("EMPTY", ""), ("V", "v1.2.3"), ("P", "a/b/c")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into()
    }

    #[test]
    fn expands_as_buildkit_does() {
        for (word, expected) in [
            ("$A", "one"),
            ("${A}x$A", "onexone"),
            ("$AB", ""),
            ("${NO:-d}", "d"),
            ("${NO-d}", "d"),
            ("${EMPTY:-d}", "d"),
            ("${EMPTY-d}", ""),
            ("${A:+yes}", "yes"),
            ("${EMPTY:+yes}", ""),
            ("${EMPTY+yes}", "yes"),
            ("${NO:-${A}-x}", "one-x"),
            ("${V#v}", "1.2.3"),
            ("${V%.*}", "v1.2"),
            ("${V%%.*}", "v1"),
            ("${P##*/}", "c"),
            ("${P/b/x}", "a/x/c"),
            ("${P//\\//-}", "a-b-c"),
            ("\"$A b\"", "one b"),
            ("'$A'", "$A"),
            ("\\$A", "$A"),
            ("a$", "a$"),
            ("$-", ""),
            ("debian:${NO:-bookworm}-slim", "debian:bookworm-slim"),
        ] {
            assert_eq!(
                expand(word, &environment(), '\\').as_deref(),
                Ok(expected),
                "{word}"
            );
        }
    }

    #[test]
    fn broken_substitutions_say_why() {
        for (word, expected) in [
            ("${A", "missing '}'"),
            ("${", "missing '}'"),
            ("${}", "bad substitution"),
            ("${NO:?say it}", "NO: say it"),
            ("${EMPTY:?}", "EMPTY: is not allowed to be empty"),
            ("${NO?}", "NO: is not allowed to be unset"),
            ("${A^}", "unsupported modifier (^)"),
            ("'x", "single-quote"),
        ] {
            let error = expand(word, &environment(), '\\').unwrap_err();
            assert!(error.contains(expected), "{word}: {error}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(word in "[$\\{\\}:?+#%/*\"'\\\\ A-c-]{0,40}|\\PC{0,40}") {
            let _ = expand(&word, &environment(), '\\');
            let _ = expand(&word, &environment(), '`');
        }
    }
}
