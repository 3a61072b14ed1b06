//! Numbers and sizes as Compose's language, Go, reads and writes them.

use super::Tree;

/// A float as Go's `fmt.Sprint` writes it: the shortest digits, with an
/// exponent below 1e-4 and from 1e6 on (`strconv.FormatFloat`, `'g'`, -1).
pub(super) fn go_float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.into();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// A size like `64m` in bytes, as go-units' `RAMInBytes` reads it; `None` if it
/// is none.
pub(super) fn bytes_of(value: &Tree) -> Option<String> {
    let text = match value {
        Tree::Number(number) => return Some(number.to_string()),
        Tree::String(text) => text,
        _ => return None,
    };
    if text.parse::<i64>().is_ok() {
        return Some(text.clone());
    }
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    let unit = text[end..].trim_start().to_ascii_lowercase();
    let unit = unit.trim_end_matches('b').trim_end_matches('i');
    let power = match unit {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    let bytes = number * 1024_f64.powi(power);
    Some(format!("{:.0}", bytes.trunc()))
}

/// A flag, also where it is written as text.
pub(super) fn flag_of(value: &Tree) -> Option<bool> {
    match value {
        Tree::Bool(flag) => Some(*flag),
        Tree::String(text) => match text.to_ascii_lowercase().as_str() {
            "1" | "t" | "true" | "y" | "yes" | "on" => Some(true),
            _ => Some(false),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_go_writes_them() {
        for (value, expected) in [
            (3.1, "3.1"),
            (1.0, "1"),
            (0.5, "0.5"),
            (-2.25, "-2.25"),
            (1e-7, "1e-07"),
            (1_234_567.0, "1.234567e+06"),
        ] {
            assert_eq!(go_float(value), expected);
        }
    }

    #[test]
    fn sizes_are_bytes() {
        for (text, expected) in [
            ("64m", Some("67108864")),
            ("64MB", Some("67108864")),
            ("1.5g", Some("1610612736")),
            ("1 GiB", Some("1073741824")),
            ("100", Some("100")),
            ("10b", Some("10")),
            ("x", None),
        ] {
            assert_eq!(bytes_of(&text.into()).as_deref(), expected, "{text}");
        }
    }
}
