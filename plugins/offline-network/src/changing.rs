//! Parts of an address that are others each time it is asked for: `?t=1764230000`.

use percent_encoding::percent_decode_str;
use url::Url;

use crate::query::{decoded, key, pairs};

/// Parameters that most often hold the time, or chance: a number is enough for these.
const MOMENTS: &[&str] = &[
    "t", "ts", "tm", "time", "tstamp", "now", "rnd", "rand", "seed", "salt", "nc", "dc", "_dc",
    "_t", "_ts", "_r", "bust", "buster",
];
/// Parameters that say which thing is wanted, whatever their value looks like.
const NAMES_OF_THINGS: &[&str] = &[
    "id", "key", "name", "file", "filename", "path", "url", "q", "query", "package", "project",
    "version", "ver", "rev", "revision", "commit", "ref", "branch", "tag", "release", "build",
    "artifact", "digest", "hash", "checksum", "sha", "sha1", "sha256", "sha512", "md5", "etag",
];

/// What a URL means but for the values that look as if they were others each time: the
/// time, a random number, a UUID. `None` where it has none.
pub(crate) fn without_changing(url: &Url) -> Option<String> {
    let mut masked = url.clone();
    let mut any = false;
    let kept: Vec<String> = pairs(url)?
        .into_iter()
        .map(|(name, value)| match value {
            Some(value) if changes(&decoded(name), &plain(value)) => {
                any = true;
                format!("{name}=*")
            }
            None if is_moment(&plain(name)) => {
                any = true;
                "*".to_owned()
            }
            Some(value) => format!("{name}={value}"),
            None => name.to_owned(),
        })
        .collect();
    masked.set_query(Some(&kept.join("&")));
    any.then(|| key(&masked, true))
}

fn changes(name: &str, value: &str) -> bool {
    if NAMES_OF_THINGS.contains(&name) {
        return false;
    }
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    // So many digits are no version of anything; eight may be the date of one.
    let long = digits && (5..=20).contains(&value.len()) && value.len() != 8;
    is_moment(value)
        || is_uuid(value)
        || (digits && MOMENTS.contains(&name))
        || (long && matches!(name, "v" | "r" | "c" | "cache"))
        || is_random(value)
}

/// Seconds since 1970 from 2001 on, in one of the units in use; or a date with a time
/// (ISO 8601).
fn is_moment(value: &str) -> bool {
    let (whole, part) = value.split_once('.').unwrap_or((value, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if digits(whole) && digits(part) && whole.starts_with(['1', '2']) {
        return matches!(whole.len(), 10 | 13 | 16 | 19);
    }
    let dated: String = value.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let time = dated.split_once(['T', 't', ' ', '_']);
    time.is_some_and(|(date, time)| {
        let clock: String = time.chars().take_while(char::is_ascii_digit).collect();
        date.len() == 8 && digits(date) && matches!(clock.len(), 4 | 6)
    })
}

fn is_uuid(value: &str) -> bool {
    let lengths: Vec<usize> = value.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && value.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// Letters and digits in no order, longer than a word.
fn is_random(value: &str) -> bool {
    let count = |kind: fn(&u8) -> bool| value.bytes().filter(kind).count();
    (16..=128).contains(&value.len())
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        && count(u8::is_ascii_digit) >= 4
        && count(u8::is_ascii_alphabetic) >= 4
}

fn plain(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_each_time_is_told_from_what_is_wanted() {
        let masked = |url: &str| without_changing(&Url::parse(url).unwrap());
        for (one, other) in [
            ("https://h/x?t=1764230000", "https://h/x?t=1764239999"),
            ("https://h/x?v=1764230000123", "https://h/x?v=1764239999123"),
            ("https://h/x?1764230000", "https://h/x?1764239999"),
            ("https://h/x?ts=17&a=1", "https://h/x?a=1&ts=23456"),
            ("https://h/x?v=31416", "https://h/x?v=27182"),
            (
                "https://h/x?s=6f1c0b1e-5a43-4c0e-9a39-1f1d2f3a4b5c",
                "https://h/x?s=00000000-5a43-4c0e-9a39-1f1d2f3a4b5c",
            ),
            (
                "https://h/x?w=9f86d081884c7d65",
                "https://h/x?w=2c26b46b68ffc68f",
            ),
            (
                "https://h/x?w=2026-01-02T03:04:05Z",
                "https://h/x?w=20260405T030407Z",
            ),
        ] {
            assert!(masked(one).is_some(), "{one}");
            assert_eq!(masked(one), masked(other));
        }
        for wanted in [
            "https://h/x",
            "https://h/x?v=2",
            "https://h/x?v=1.2.3",
            "https://h/x?v=20260102",
            "https://h/x?version=1764230000",
            "https://h/x?id=6f1c0b1e-5a43-4c0e-9a39-1f1d2f3a4b5c",
            "https://h/x?file=9f86d081884c7d65",
            "https://h/x?arch=linux-x86_64",
        ] {
            assert_eq!(masked(wanted), None, "{wanted}");
        }
        assert_ne!(
            masked("https://h/x?t=1764230000&a=1"),
            masked("https://h/x?t=1764230000&a=2")
        );
    }
}
