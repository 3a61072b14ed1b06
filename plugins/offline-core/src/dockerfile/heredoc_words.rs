//! Where heredocs begin, as BuildKit's `heredocsFromLine` decides.

/// The beginning of a heredoc.
pub(super) struct Heredoc {
    pub(super) name: String,
    pub(super) strip_tabs: bool,
    /// Whether blanks stand before the name.
    pub(super) spaced: bool,
}

/// The instruction's keyword and the rest; what ONBUILD triggers.
fn split_keyword(logical: &str) -> (String, &str) {
    let text = logical.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let keyword = text[..end].to_ascii_uppercase();
    let rest = text[end..].trim_start();
    if keyword == "ONBUILD" && !rest.is_empty() {
        return split_keyword(rest);
    }
    (keyword, rest)
}

/// Whether BuildKit looks for heredocs in this instruction.
pub(super) fn may_hold_heredoc(logical: &str) -> bool {
    let (keyword, _) = split_keyword(logical);
    matches!(keyword.as_str(), "RUN" | "COPY" | "ADD")
}

/// The heredocs that begin in an instruction.
pub(super) fn heredocs_of(logical: &str) -> Vec<Heredoc> {
    if !logical.contains("<<") || !may_hold_heredoc(logical) {
        return Vec::new();
    }
    let (_, mut arguments) = split_keyword(logical);
    while arguments.starts_with("--") {
        let end = arguments
            .find(char::is_whitespace)
            .unwrap_or(arguments.len());
        arguments = arguments[end..].trim_start();
    }
    if arguments.starts_with('[') && serde_json::from_str::<Vec<String>>(arguments).is_ok() {
        return Vec::new();
    }
    words(logical).iter().filter_map(|w| heredoc(w)).collect()
}

/// `^(\d*)<<(-?)\s*([^<]*)$`
fn heredoc(word: &str) -> Option<Heredoc> {
    let rest = word
        .trim_start_matches(|c: char| c.is_ascii_digit())
        .strip_prefix("<<")?;
    let (strip_tabs, rest) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let name = rest.trim_start();
    if name.is_empty() || name.contains('<') {
        return None;
    }
    Some(Heredoc {
        strip_tabs,
        spaced: name.len() != rest.len(),
        name: without_quotes(name),
    })
}

fn without_quotes(text: &str) -> String {
    let mut result = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' | '\'' => {}
            '\\' => result.extend(characters.next()),
            other => result.push(other),
        }
    }
    result
}

/// Words with their quotes; blanks after `<<` belong to the word. Nothing when
/// a quote stays open, as BuildKit then sees no heredoc either.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote: Option<char> = None;
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => {
                word.push(c);
                word.extend(characters.next());
            }
            (c, Some(open)) => {
                word.push(c);
                if c == open {
                    quote = None;
                }
            }
            ('"' | '\'', None) => {
                word.push(c);
                quote = Some(c);
            }
            ('<', None) => {
                word.push(c);
                if characters.next_if_eq(&'<').is_some() {
                    word.push('<');
                    while let Some(blank) = characters.next_if(|c| matches!(c, ' ' | '\t' | '\r')) {
                        word.push(blank);
                    }
                }
            }
            (c, None) if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            (c, None) => word.push(c),
        }
    }
    if quote.is_some() {
        return Vec::new();
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}
