use std::path::Path;

use super::Error;

/// The patterns of a `.dockerignore`, matched as BuildKit does.
///
/// A port of moby/patternmatcher. The `ignore` and `globset` crates follow
/// gitignore, where a pattern without a slash matches at any depth; Docker's
/// patterns are anchored at the context's root.
#[derive(Debug, Clone, Default)]
pub struct IgnoreRules {
    patterns: Vec<Pattern>,
}

#[derive(Debug, Clone)]
struct Pattern {
    exception: bool,
    tokens: Vec<Token>,
}

#[derive(Debug, Clone)]
enum Token {
    Literal(char),
    /// `?`
    One,
    /// `*`
    Within,
    /// `**/` or `**` before more: nothing, or anything up to a slash.
    Folders,
    /// `**` at the end.
    Rest,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// Which patterns a folder matched; its content inherits them.
pub(super) type Inherited = Vec<bool>;

impl IgnoreRules {
    /// Parses an ignore file (moby/patternmatcher, `ignorefile.ReadAll`).
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut patterns = Vec::new();
        for (number, line) in text.lines().enumerate() {
            // Only a '#' in the first column starts a comment.
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            let fail = |why| Error::IgnorePattern {
                path: path.to_owned(),
                line: number + 1,
                pattern: line.to_owned(),
                why,
            };
            let pattern = line.trim();
            let (exception, pattern) = match pattern.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, pattern),
            };
            if pattern.is_empty() {
                return Err(fail("nothing follows the '!'"));
            }
            let clean = clean(pattern);
            let clean = match clean.strip_prefix('/') {
                Some(rest) if !rest.is_empty() => rest,
                _ => &clean,
            };
            patterns.push(Pattern {
                exception,
                tokens: tokens(clean).map_err(fail)?,
            });
        }
        Ok(Self { patterns })
    }

    /// Whether a path below the context (with slashes) is left out of it.
    pub fn excludes(&self, path: &str) -> bool {
        let mut inherited = Inherited::new();
        let mut excluded = false;
        let ends = path.match_indices('/').map(|(at, _)| at);
        for end in ends.chain([path.len()]) {
            (excluded, inherited) = self.matches(&path[..end], &inherited);
        }
        excluded
    }

    /// `MatchesUsingParentResults`: an excluded folder excludes its content
    /// until an exception matches.
    pub(super) fn matches(&self, path: &str, parent: &Inherited) -> (bool, Inherited) {
        let path: Vec<char> = path.chars().collect();
        let mut excluded = false;
        let mut own = vec![false; self.patterns.len()];
        for (number, pattern) in self.patterns.iter().enumerate() {
            let inherited = parent.get(number).copied().unwrap_or(false);
            if !inherited && pattern.exception != excluded {
                continue;
            }
            own[number] = inherited || matches(&pattern.tokens, &path);
            if own[number] {
                excluded = !pattern.exception;
            }
        }
        (excluded, own)
    }

    /// Whether anything is taken back in, so that excluded folders must be read.
    pub(super) fn has_exceptions(&self) -> bool {
        self.patterns.iter().any(|p| p.exception)
    }
}

/// Go's `filepath.Clean` on a slash path.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".into(),
        (false, false) => joined,
    }
}

fn tokens(pattern: &str) -> Result<Vec<Token>, &'static str> {
    let mut tokens = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            '*' if chars.next_if_eq(&'*').is_some() => {
                chars.next_if_eq(&'/');
                if chars.peek().is_none() {
                    Token::Rest
                } else {
                    Token::Folders
                }
            }
            '*' => Token::Within,
            '?' => Token::One,
            '[' => class(&mut chars)?,
            '\\' => Token::Literal(chars.next().ok_or("nothing follows the last '\\'")?),
            c => Token::Literal(c),
        });
    }
    Ok(tokens)
}

fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Token, &'static str> {
    const OPEN: &str = "a '[' is never closed";
    let negated = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let mut next = || match chars.next() {
            Some('\\') => chars.next().ok_or(OPEN).map(|c| (c, true)),
            Some(c) => Ok((c, false)),
            None => Err(OPEN),
        };
        let (low, escaped) = next()?;
        if low == ']' && !escaped {
            if ranges.is_empty() {
                return Err("a '[]' names no character");
            }
            return Ok(Token::Class { negated, ranges });
        }
        let high = if chars.next_if_eq(&'-').is_some() {
            match chars.next() {
                Some('\\') => chars.next().ok_or(OPEN)?,
                Some(c) => c,
                None => return Err(OPEN),
            }
        } else {
            low
        };
        ranges.push((low, high));
    }
}

/// Whether the tokens match the whole path. Only the last choice point of each
/// kind needs to be tried again, so hostile patterns cost no more than a square.
fn matches(tokens: &[Token], path: &[char]) -> bool {
    // reached[i]: the tokens so far match the first i characters.
    let mut reached = vec![false; path.len() + 1];
    reached[0] = true;
    for token in tokens {
        let mut next = vec![false; path.len() + 1];
        let mut open = false;
        for at in 0..=path.len() {
            match token {
                Token::Literal(_) | Token::One | Token::Class { .. } => {
                    next[at] = at > 0 && reached[at - 1] && single(token, path[at - 1]);
                }
                Token::Within => {
                    open = reached[at] || open && path[at - 1] != '/';
                    next[at] = open;
                }
                Token::Rest => {
                    open |= reached[at];
                    next[at] = open;
                }
                Token::Folders => {
                    next[at] = reached[at] || open && path[at - 1] == '/';
                    open |= reached[at];
                }
            }
        }
        reached = next;
    }
    reached[path.len()]
}

fn single(token: &Token, c: char) -> bool {
    match token {
        Token::Literal(literal) => *literal == c,
        Token::One => c != '/',
        Token::Class { negated, ranges } => {
            ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excluded(rules: &str, path: &str) -> bool {
        IgnoreRules::parse(rules, Path::new(".dockerignore"))
            .unwrap()
            .excludes(path)
    }

    /// From moby/patternmatcher's tests and Docker's documentation.
    #[test]
    fn matches_as_docker_documents_it() {
        let cases = [
            ("**", "file", true),
            ("**", "dir/file", true),
            ("**/", "file", true),
            ("**/**", "dir/file", true),
            ("dir/**", "dir/file", true),
            ("dir/**", "dir/dir2/file", true),
            ("**/dir2/*", "dir/dir2/file", true),
            ("**/dir2/*", "dir/dir2/dir2/file", true),
            ("**file", "dir/file", true),
            ("**/file", "file", true),
            ("**/file", "dir/dir/file", true),
            ("**/file*", "dir/dir/file.txt", true),
            ("**/file*txt", "dir/dir/file.txt", true),
            ("**/**/*.txt", "dir/dir/file.txt", true),
            ("**/**/*.txt2", "dir/dir/file.txt", false),
            ("**/*.txt", "file.txt", true),
            ("a**/*.txt", "a/file.txt", true),
            ("a**/*.txt", "a/dir/dir/file.txt", true),
            ("a/*.txt", "a/dir/file.txt", false),
            ("a[b-d]e", "ace", true),
            ("a[^b-d]e", "ace", false),
            ("a\\*b", "a*b", true),
            ("a?b", "a/b", false),
            ("abc", "abc", true),
            ("abc", "dir/abc", false),
            ("abc", "abc/def", true),
            ("/abc", "abc", true),
            ("./abc/", "abc/x", true),
            ("*/temp*", "a/temporary.txt", true),
            ("*/temp*", "a/b/temporary.txt", false),
            ("# abc\nabc", "# abc", false),
            (" # abc", "# abc", true),
            ("*.md\n!README.md", "README.md", false),
            (
                "*.md\n!README*.md\nREADME-secret.md",
                "README-secret.md",
                true,
            ),
            (
                "*.md\nREADME-secret.md\n!README*.md",
                "README-secret.md",
                false,
            ),
            ("dir\n!dir/keep", "dir/keep", false),
            ("dir\n!dir/keep", "dir/other", true),
            ("*\n!a/b", "a/b/c", false),
            ("*\n!a/b", "a/x", true),
            ("foo/**/bar", "foo/bar", true),
            (".git", ".gitignore", false),
        ];
        for (rules, path, expected) in cases {
            assert_eq!(excluded(rules, path), expected, "{rules:?} on {path:?}");
        }
    }

    #[test]
    fn a_pattern_that_is_none_is_named_with_its_line() {
        for (rules, line) in [("a\n!", 2), ("[", 1), ("a\n\n[b", 3)] {
            let error = IgnoreRules::parse(rules, Path::new(".dockerignore")).unwrap_err();
            assert!(
                matches!(error, Error::IgnorePattern { line: found, .. } if found == line),
                "{error}"
            );
        }
    }
}
