use unicode_width::UnicodeWidthChar as _;

/// Breaks a text into lines of at most `width` columns. A word that is longer
/// stays whole, so that a path can be copied. Between Chinese characters a line
/// may be broken anywhere, but never before a closing mark.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for piece in pieces(text) {
        if used > 0 && used + columns(piece.trim_end()) > width {
            lines.push(std::mem::take(&mut line).trim_end().to_owned());
            used = 0;
        }
        line.push_str(piece);
        used += columns(piece);
    }
    if !line.trim_end().is_empty() || lines.is_empty() {
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// What must not be torn: a word with the spaces behind it, or one wide
/// character with the marks behind it.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut before: Option<char> = None;
    for (at, c) in text.char_indices() {
        let may_break = before.is_some_and(|b| {
            !c.is_whitespace()
                && (b == ' ' || (is_wide(b) || is_wide(c)) && !closes(c) && !opens(b))
        });
        if may_break && at > start {
            pieces.push(&text[start..at]);
            start = at;
        }
        before = Some(c);
    }
    pieces.push(&text[start..]);
    pieces
}

fn columns(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

fn is_wide(c: char) -> bool {
    c.width() == Some(2)
}

fn closes(c: char) -> bool {
    "，。：；！？、）》」』”’)]}.,:;!?%".contains(c)
}

fn opens(c: char) -> bool {
    "（《「『“‘([{".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_and_words_stay_whole() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(
            wrap("a /very/long/path b", 6),
            ["a", "/very/long/path", "b"]
        );
        assert_eq!(wrap("", 6), [""]);
    }

    #[test]
    fn chinese_is_broken_between_characters_but_not_before_a_mark() {
        assert_eq!(wrap("引擎磁盘剩余", 8), ["引擎磁盘", "剩余"]);
        assert_eq!(wrap("引擎磁盘，剩余", 8), ["引擎磁", "盘，剩余"]);
        assert_eq!(wrap("用 docker 构建", 9), ["用 docker", "构建"]);
    }
}
