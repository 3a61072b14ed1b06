//! Addresses as people may see them.

use reqwest::Url;

/// An address without what may be a secret: user, password and query.
pub(in crate::carried) fn shown(url: &str) -> String {
    let Ok(mut plain) = Url::parse(url) else {
        return "an address that cannot be read".into();
    };
    let _ = plain.set_username("");
    let _ = plain.set_password(None);
    plain.set_fragment(None);
    if plain.query().is_some() {
        plain.set_query(Some("..."));
    }
    plain.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_shown() {
        for (url, words) in [
            ("https://u:p@h/x?token=t#f", "https://h/x?..."),
            ("http://h:81/a%20b", "http://h:81/a%20b"),
            ("nothing", "an address that cannot be read"),
        ] {
            assert_eq!(shown(url), words);
        }
    }
}
