//! `${VARIABLE}` and its kin, as compose-go's `template/template.go` has them.

use super::Tree;

/// Why a text cannot be interpolated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    /// `${` that begins no variable.
    Invalid {
        /// The whole text.
        text: String,
    },
    /// `${NAME:?message}` or `${NAME?message}`.
    Required {
        /// The variable.
        variable: String,
        /// What the file says.
        message: String,
    },
}

/// What variables stand for.
pub(super) trait Lookup {
    /// The value, if it is set.
    fn get(&self, name: &str) -> Option<String>;
    /// Called for a variable that is not set and has no default.
    fn missing(&self, name: &str);
}

/// Interpolates all texts of a tree; keys stay as they are. The first problem
/// comes with the path to its text.
pub(super) fn interpolate_tree(
    tree: &mut Tree,
    lookup: &impl Lookup,
) -> Result<(), (Vec<String>, Problem)> {
    match tree {
        Tree::String(text) => {
            if text.contains('$') {
                *text = interpolate(text, lookup).map_err(|problem| (Vec::new(), problem))?;
            }
            Ok(())
        }
        Tree::Array(list) => list
            .iter_mut()
            .try_for_each(|entry| interpolate_tree(entry, lookup)),
        Tree::Object(map) => map.iter_mut().try_for_each(|(key, value)| {
            interpolate_tree(value, lookup).map_err(|(mut path, problem)| {
                path.insert(0, key.clone());
                (path, problem)
            })
        }),
        Tree::Null | Tree::Bool(_) | Tree::Number(_) => Ok(()),
    }
}

/// Replaces the variables of a text. A `$` that begins neither `$$`, a name nor
/// `${` stays as it is.
pub(super) fn interpolate(text: &str, lookup: &impl Lookup) -> Result<String, Problem> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(next) = after.strip_prefix('$') {
            out.push('$');
            rest = next;
        } else if let Some(inner) = after.strip_prefix('{') {
            let end = closing(inner).ok_or_else(|| invalid(text))?;
            out.push_str(&braced(&inner[..end], text, lookup)?);
            rest = &inner[end + 1..];
        } else {
            let length = name_length(after);
            if length == 0 {
                out.push('$');
            } else {
                out.push_str(&plain(&after[..length], lookup));
            }
            rest = &after[length..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn invalid(text: &str) -> Problem {
    Problem::Invalid { text: text.into() }
}

fn plain(name: &str, lookup: &impl Lookup) -> String {
    lookup.get(name).unwrap_or_else(|| {
        lookup.missing(name);
        String::new()
    })
}

/// The inside of `${...}`.
fn braced(inner: &str, text: &str, lookup: &impl Lookup) -> Result<String, Problem> {
    let length = name_length(inner);
    let (name, rest) = inner.split_at(length);
    if name.is_empty() {
        return Err(invalid(text));
    }
    if rest.is_empty() {
        return Ok(plain(name, lookup));
    }
    let (also_empty, rest) = match rest.strip_prefix(':') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let mut words = rest.chars();
    let sign = words.next();
    let word = words.as_str();
    // A line end inside of the braces ends the pattern (`.` in Go's regexp).
    if word.contains('\n') {
        return Err(invalid(text));
    }
    let value = lookup.get(name);
    let counts = value.as_ref().is_some_and(|v| !also_empty || !v.is_empty());
    match sign {
        Some('-') if !counts => interpolate(word, lookup),
        Some('+') if counts => interpolate(word, lookup),
        Some('?') if !counts => Err(Problem::Required {
            variable: name.into(),
            message: interpolate(word, lookup)?,
        }),
        Some('-' | '+' | '?') => Ok(value.unwrap_or_default()),
        _ => Err(invalid(text)),
    }
}

/// `[_a-zA-Z][_a-zA-Z0-9]*`
fn name_length(text: &str) -> usize {
    let starts = |b: u8| b == b'_' || b.is_ascii_alphabetic();
    let bytes = text.as_bytes();
    if !bytes.first().is_some_and(|b| starts(*b)) {
        return 0;
    }
    let end = bytes
        .iter()
        .position(|b| !starts(*b) && !b.is_ascii_digit());
    end.unwrap_or(bytes.len())
}

/// The brace that closes what was opened before `text`; where the braces of a
/// default do not match, the last one.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1_u32;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' if open == 1 => return Some(at),
            b'}' => open -= 1,
            _ => {}
        }
    }
    let line = text.lines().next().unwrap_or_default();
    line.rfind('}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Fixed;

    impl Lookup for Fixed {
        fn get(&self, name: &str) -> Option<String> {
            match name {
                "SET" => Some("x".into()),
                "OTHER" => Some("y".into()),
                "EMPTY" => Some(String::new()),
                _ => None,
            }
        }
        fn missing(&self, _: &str) {}
    }

    fn required(variable: &str, message: &str) -> Problem {
        Problem::Required {
            variable: variable.into(),
            message: message.into(),
        }
    }

    #[test]
    fn every_form_is_replaced_as_compose_does() {
        let cases = [
            ("a$SET.b${SET}c", "ax.bxc"),
            ("$$SET $${SET}", "$SET ${SET}"),
            ("${NONE}-${EMPTY}", "-"),
            ("${NONE:-d}${EMPTY:-d}${SET:-d}", "ddx"),
            ("${NONE-d}${EMPTY-d}${SET-d}", "dx"),
            ("${NONE:+d}${EMPTY:+d}${SET:+d}", "d"),
            ("${NONE+d}${EMPTY+d}${SET+d}", "dd"),
            ("${NONE:-${OTHER}-${SET:-z}}", "y-x"),
            ("${NONE:-{\"a\": 1}}", "{\"a\": 1}"),
            ("${NONE-a:-b}", "a:-b"),
            ("${SET:?no}${SET?no}", "xx"),
            ("100$ $5 $-", "100$ $5 $-"),
            ("${NONE:-a$$b}", "a$b"),
        ];
        for (text, expected) in cases {
            assert_eq!(interpolate(text, &Fixed).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_replaced_is_an_error() {
        let cases = [
            ("${NONE:?set it}", required("NONE", "set it")),
            ("${EMPTY:?}", required("EMPTY", "")),
            ("${NONE?see $OTHER}", required("NONE", "see y")),
            ("a ${}", invalid("a ${}")),
            ("${1}", invalid("${1}")),
            ("${SET.x}", invalid("${SET.x}")),
            ("${SET", invalid("${SET")),
            ("${SET:x}", invalid("${SET:x}")),
        ];
        for (text, expected) in cases {
            assert_eq!(interpolate(text, &Fixed).unwrap_err(), expected, "{text}");
        }
        assert_eq!(interpolate("${EMPTY?}", &Fixed).unwrap(), "");
    }

    proptest! {
        #[test]
        fn any_text_survives_with_its_dollars_doubled(text in ".*") {
            let doubled = text.replace('$', "$$");
            prop_assert_eq!(interpolate(&doubled, &Fixed).unwrap(), text);
        }

        #[test]
        fn no_text_breaks_it(text in "[${}:?+a-cSET\\-\n]{0,24}") {
            let _ = interpolate(&text, &Fixed);
        }
    }
}
