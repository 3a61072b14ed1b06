//! Lists of versions of Go modules (`$base/$module/@v/list` of "GOPROXY protocol" in the
//! Go Modules Reference).

use url::Url;

use super::held::decoded;
use super::{Held, Narrowed, Offer};

pub(super) fn narrow(url: &Url, body: &[u8], held: &Held) -> Option<Offer> {
    let text = std::str::from_utf8(body).ok()?;
    let is_held = |version: &str| {
        let file = url.join(&format!("{}.zip", escaped(version)));
        file.is_ok_and(|file| held.address(&file))
    };
    let version = |line: &str| line.split_whitespace().next().map(ToOwned::to_owned);
    let kept: Vec<&str> = text
        .lines()
        .filter(|line| version(line).is_some_and(|v| is_held(&v)))
        .collect();
    if kept.is_empty() || kept.len() == text.lines().count() {
        return None;
    }
    let path = decoded(url.path());
    let module = path.trim_end_matches("/@v/list").trim_start_matches('/');
    Some(Offer {
        body: kept
            .iter()
            .flat_map(|l| [l.as_bytes(), b"\n"].concat())
            .collect(),
        narrowed: vec![Narrowed {
            package: unescaped(module),
            versions: kept.iter().filter_map(|l| version(l)).collect(),
        }],
    })
}

/// Capitals are written as `!` and the small letter.
fn escaped(version: &str) -> String {
    let mut text = String::new();
    for c in version.chars() {
        if c.is_ascii_uppercase() {
            text.push('!');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

fn unescaped(module: &str) -> String {
    let mut text = String::new();
    let mut capital = false;
    for c in module.chars() {
        if c == '!' {
            capital = true;
        } else {
            text.push(if capital { c.to_ascii_uppercase() } else { c });
            capital = false;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_with_their_zip_are_listed() {
        let url = Url::parse("https://proxy.golang.org/github.com/!burnt/x/@v/list").unwrap();
        let base = "https://proxy.golang.org/github.com/!burnt/x/@v/";
        let held =
            super::super::held(&[&format!("{base}v1.0.0.zip"), &format!("{base}v1.1.0.mod")]);
        let offer = narrow(&url, b"v1.0.0\nv1.1.0\n", &held).unwrap();
        assert_eq!(offer.body, b"v1.0.0\n");
        assert_eq!(offer.narrowed[0].package, "github.com/Burnt/x");
        assert_eq!(offer.narrowed[0].versions, ["v1.0.0"]);
        assert_eq!(narrow(&url, b"v1.0.0\n", &held), None);
        assert_eq!(narrow(&url, b"v2.0.0\n", &held), None);
    }
}
