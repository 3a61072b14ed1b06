//! Splitting the arguments of ARG and ENV, as BuildKit's `parseWords` does.

/// Splits at blanks outside quotes; quotes and escapes stay.
pub(super) fn split_words(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote: Option<char> = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c == escape && quote != Some('\'') {
            word.push(c);
            word.extend(characters.next());
        } else if quote == Some(c) {
            quote = None;
            word.push(c);
        } else if quote.is_none() && c.is_whitespace() {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
        } else {
            if quote.is_none() && matches!(c, '\'' | '"') {
                quote = Some(c);
            }
            word.push(c);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The names and values of an ENV: `a=1 b=2`, or the old `name rest of line`.
pub(super) fn env_pairs(text: &str, escape: char) -> Vec<(String, String)> {
    let words = split_words(text, escape);
    match words.first() {
        Some(first) if !first.contains('=') => {
            let name = first.clone();
            let rest = text.trim_start();
            let value = rest[name.len().min(rest.len())..].trim();
            vec![(name, value.to_owned())]
        }
        _ => words
            .iter()
            .filter_map(|w| w.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_escapes_keep_blanks_together() {
        assert_eq!(
            split_words(r#"A=1 B="two words" C='x y' D=a\ b"#, '\\'),
            ["A=1", "B=\"two words\"", "C='x y'", "D=a\\ b"]
        );
    }

    #[test]
    fn the_old_form_of_env_takes_the_rest_of_the_line() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(env_pairs("A b c=d", '\\'), [pair("A", "b c=d")]);
        assert_eq!(env_pairs("A=b c=d", '\\'), [pair("A", "b"), pair("c", "d")]);
    }
}
