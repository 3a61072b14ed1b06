//! The patterns of `${name#pattern}` and its like.

/// One part of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Literal(char),
    Any,
    One,
}

/// A pattern with `*`, `?` and `\` escapes (BuildKit's
/// `convertShellPatternToRegex`).
#[derive(Debug)]
pub(super) struct Glob(Vec<Part>);

impl Glob {
    pub(super) fn new(pattern: &str) -> Self {
        let mut parts = Vec::new();
        let mut characters = pattern.chars();
        while let Some(c) = characters.next() {
            parts.push(match c {
                '*' => Part::Any,
                '?' => Part::One,
                '\\' => Part::Literal(characters.next().unwrap_or('\\')),
                other => Part::Literal(other),
            });
        }
        Self(parts)
    }

    fn matches(&self, text: &[char]) -> bool {
        let (mut part, mut at) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while at < text.len() {
            match self.0.get(part) {
                Some(Part::Any) => {
                    star = Some((part, at));
                    part += 1;
                }
                Some(Part::One) => {
                    part += 1;
                    at += 1;
                }
                Some(Part::Literal(c)) if *c == text[at] => {
                    part += 1;
                    at += 1;
                }
                _ => {
                    let Some((star_part, star_at)) = star else {
                        return false;
                    };
                    part = star_part + 1;
                    at = star_at + 1;
                    star = Some((star_part, at));
                }
            }
        }
        self.0[part..].iter().all(|p| *p == Part::Any)
    }

    /// `${name#pattern}`, or `##` when `longest`.
    pub(super) fn without_prefix(&self, value: &str, longest: bool) -> String {
        let text: Vec<char> = value.chars().collect();
        let end = pick(0..=text.len(), longest, |end| self.matches(&text[..*end]));
        text[end.unwrap_or(0)..].iter().collect()
    }

    /// `${name%pattern}`, or `%%` when `longest`.
    pub(super) fn without_suffix(&self, value: &str, longest: bool) -> String {
        let text: Vec<char> = value.chars().collect();
        let start = pick(0..=text.len(), !longest, |start| {
            self.matches(&text[*start..])
        });
        text[..start.unwrap_or(text.len())].iter().collect()
    }

    /// `${name/pattern/with}`, or `//` when `all`.
    pub(super) fn replace(&self, value: &str, with: &str, all: bool) -> String {
        let text: Vec<char> = value.chars().collect();
        let mut result = String::new();
        let mut at = 0;
        let mut done = self.0.is_empty();
        while at < text.len() {
            let end = if done {
                None
            } else {
                pick(at + 1..=text.len(), true, |end| {
                    self.matches(&text[at..*end])
                })
            };
            if let Some(end) = end {
                result.push_str(with);
                at = end;
                done = !all;
            } else {
                result.push(text[at]);
                at += 1;
            }
        }
        result
    }
}

fn pick(
    mut range: std::ops::RangeInclusive<usize>,
    from_the_end: bool,
    accept: impl Fn(&usize) -> bool,
) -> Option<usize> {
    if from_the_end {
        range.rev().find(accept)
    } else {
        range.find(accept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_suffixes_are_cut_as_in_a_shell() {
        let cut = |p: &str, v: &str, long| Glob::new(p).without_prefix(v, long);
        assert_eq!(cut("*.", "a.b.c", false), "b.c");
        assert_eq!(cut("*.", "a.b.c", true), "c");
        assert_eq!(cut("v", "v1.2", false), "1.2");
        assert_eq!(cut("x", "v1.2", false), "v1.2");
        let end = |p: &str, v: &str, long| Glob::new(p).without_suffix(v, long);
        assert_eq!(end(".*", "a.b.c", false), "a.b");
        assert_eq!(end(".*", "a.b.c", true), "a");
        assert_eq!(end("?", "abc", false), "ab");
    }

    #[test]
    fn the_leftmost_longest_match_is_replaced() {
        let replace = |p: &str, v: &str, w: &str, all| Glob::new(p).replace(v, w, all);
        assert_eq!(replace(".", "1.2.3", "-", false), "1-2.3");
        assert_eq!(replace(".", "1.2.3", "-", true), "1-2-3");
        assert_eq!(replace("a*", "xab", "-", false), "x-");
    }
}
