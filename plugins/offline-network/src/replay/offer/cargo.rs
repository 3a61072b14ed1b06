//! Entries of cargo's sparse index ("Registry Index" in The Cargo Book): one version a
//! line, as JSON.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Held, Narrowed, Offer};

#[derive(Deserialize)]
struct Line {
    name: String,
    vers: String,
    /// Only an index has it.
    #[serde(rename = "cksum")]
    _checksum: String,
}

/// Whether a path ends as that of an index entry does: `1/a`, `2/ab`, `3/a/abc`, or
/// `ab/cd/abcd...`.
pub(super) fn is_entry(path: &str) -> bool {
    let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
    match segments[..] {
        [.., "1", name] => name.len() == 1,
        [.., "2", name] => name.len() == 2,
        [.., "3", first, name] => name.len() == 3 && name.starts_with(first),
        [.., one, two, name] => {
            name.len() > 3
                && one.len() == 2
                && two.len() == 2
                && name.starts_with(one)
                && name.get(2..4) == Some(two)
        }
        _ => false,
    }
}

/// cargo resolves for all platforms and fetches for one. So among versions of which
/// one stands for the others (`^`, as requirements are meant), those that are held are
/// offered; where none of them is, they stay: nothing was fetched of them then.
pub(super) fn narrow(body: &[u8], held: &Held) -> Option<Offer> {
    let text = std::str::from_utf8(body).ok()?;
    let mut lines = Vec::new();
    for line in text.lines().filter(|l| !l.trim().is_empty()) {
        lines.push((line, serde_json::from_str::<Line>(line).ok()?));
    }
    let is_held = |line: &Line| {
        let (name, version) = (&line.name, &line.vers);
        held.crate_file(name, version) || held.name(&format!("{name}-{version}.crate"))
    };
    let fetched = lines.iter().filter(|(_, line)| is_held(line));
    let versions: Vec<String> = fetched.map(|(_, line)| line.vers.clone()).collect();
    let groups: BTreeSet<&str> = versions.iter().map(|v| compatible(v)).collect();
    let kept: Vec<&(&str, Line)> = lines
        .iter()
        .filter(|(_, line)| is_held(line) || !groups.contains(compatible(&line.vers)))
        .collect();
    if kept.len() == lines.len() {
        return None;
    }
    Some(Offer {
        body: kept
            .iter()
            .flat_map(|(l, _)| [l.as_bytes(), b"\n"].concat())
            .collect(),
        narrowed: vec![Narrowed {
            package: kept.first()?.1.name.clone(),
            versions,
        }],
    })
}

/// What versions that stand for each other have in common: the numbers up to the
/// first that is not 0.
fn compatible(version: &str) -> &str {
    let numbers = version.split(['-', '+']).next().unwrap_or(version);
    let mut end = 0;
    for part in numbers.split('.') {
        end += part.len();
        if part != "0" {
            break;
        }
        end += 1;
    }
    numbers.get(..end).unwrap_or(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(version: &str) -> String {
        format!(
            r#"{{"name":"itoa","vers":"{version}","deps":[],"cksum":"00","features":{{}},"yanked":false}}"#
        )
    }

    #[test]
    fn where_entries_are() {
        for path in ["/1/a", "/index/2/ab", "/3/a/abc", "/it/oa/itoa"] {
            assert!(is_entry(path), "{path}");
        }
        for path in ["/config.json", "/it/oa/other", "/a/b/c", "/3/b/abc"] {
            assert!(!is_entry(path), "{path}");
        }
    }

    #[test]
    fn of_what_stands_for_each_other_what_is_held_is_offered() {
        let body = ["0.4.8", "1.0.0", "1.0.9", "1.0.10"].map(line).join("\n");
        let held = super::super::held(&["https://static.crates.io/crates/itoa/1.0.9/download"]);
        let offer = narrow(body.as_bytes(), &held).unwrap();
        let expected = [line("0.4.8"), line("1.0.9"), String::new()].join("\n");
        assert_eq!(String::from_utf8(offer.body).unwrap(), expected);
        assert_eq!(offer.narrowed[0].versions, ["1.0.9"]);
        let none = super::super::held(&["https://static.crates.io/crates/other/1.0.9/download"]);
        assert_eq!(narrow(body.as_bytes(), &none), None);
    }

    #[test]
    fn what_versions_have_in_common() {
        for (version, common) in [("1.2.3", "1"), ("0.2.3", "0.2"), ("0.0.3-a.1", "0.0.3")] {
            assert_eq!(compatible(version), common);
        }
    }
}
