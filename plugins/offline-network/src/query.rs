//! Which parts of a URL say what is wanted, and which only who may have it.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use url::Url;

/// Parameters that carry a credential: their values are never written down, and
/// they are ignored in matching. Lower case.
const TOKENS: &[&str] = &[
    "access_token",
    "accesstoken",
    "api_key",
    "api-key",
    "apikey",
    "auth",
    "auth_token",
    "authtoken",
    "authorization",
    "awsaccesskeyid",
    "client_secret",
    "googleaccessid",
    "id_token",
    "job_token",
    "jwt",
    "key-pair-id",
    "ossaccesskeyid",
    "passwd",
    "password",
    "private_token",
    "pwd",
    "refresh_token",
    "secret",
    "security-token",
    "sessionid",
    "sig",
    "signature",
    "token",
    "hdnea",
    "hdnts",
    "__token__",
    "__gda__",
];
/// All parameters of these schemes belong to the signature (AWS, Google, Alibaba,
/// Tencent).
const TOKEN_PREFIXES: &[&str] = &["x-amz-", "x-goog-", "x-oss-", "q-sign-", "q-key-", "q-ak"];
/// Parameters of shared access signatures (Azure) and signed URLs in general:
/// part of the signature only if there is one.
const SIGNED: &[&str] = &[
    "se", "sp", "sv", "sr", "st", "spr", "sks", "skt", "ske", "skv", "skoid", "sktid", "saoid",
    "suoid", "scid", "policy", "expires", "expiry", "exp", "e", "ttl", "hash", "md5", "hmac",
];
/// Parameters that differ from request to request and mean nothing.
const VOLATILE: &[&str] = &[
    "_",
    "cb",
    "cachebust",
    "cachebuster",
    "cache_bust",
    "expires",
    "expiry",
    "nocache",
    "nonce",
    "rand",
    "random",
    "timestamp",
    "request_id",
    "requestid",
];
/// What stays as it is in a path segment or a parameter (RFC 3986, 2.3); all else
/// is written in percent-encoding, in capitals.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'!')
    .add(b'"')
    .add(b'#')
    .add(b'$')
    .add(b'%')
    .add(b'&')
    .add(b'\'')
    .add(b'(')
    .add(b')')
    .add(b'*')
    .add(b'+')
    .add(b',')
    .add(b'/')
    .add(b':')
    .add(b';')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'@')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A parameter as written: its name, and its value if it has one.
pub(crate) type Pair<'a> = (&'a str, Option<&'a str>);

/// The parameters of a URL as they are written, if it has a query.
pub(crate) fn pairs(url: &Url) -> Option<Vec<Pair<'_>>> {
    let all = url.query()?.split('&').filter(|pair| !pair.is_empty());
    Some(
        all.map(|pair| match pair.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (pair, None),
        })
        .collect(),
    )
}

/// Whether one of these parameters is a signature. A hash alone may say what is
/// wanted; with an expiry it is one (nginx, `secure_link_md5`).
pub(crate) fn is_signed(pairs: &[Pair<'_>]) -> bool {
    let named = |names: &[&str]| {
        let mut all = pairs.iter();
        all.any(|(name, _)| names.contains(&decoded(name).as_str()))
    };
    named(&[
        "sig",
        "signature",
        "x-amz-signature",
        "x-goog-signature",
        "token",
        "hmac",
    ]) || (named(&["md5", "hash"]) && named(&["expires", "expiry", "exp", "e"]))
}

/// Whether a parameter carries a credential, or is part of a signature.
pub(crate) fn is_token(name: &str, value: &str, signed: bool) -> bool {
    let name = decoded(name);
    TOKENS.contains(&name.as_str())
        || TOKEN_PREFIXES.iter().any(|p| name.starts_with(p))
        || (signed && SIGNED.contains(&name.as_str()))
        || name.ends_with("_token")
        || name.ends_with("-token")
        // Keys of Google's services, in a parameter that elsewhere names a thing.
        || (name == "key" && (value.starts_with("AIza") || value == crate::scrub::PLACEHOLDER))
}

/// What a URL means, for matching: scheme, host, port and path normalised, the
/// parameters sorted. With `loose`, without those that tell only who asks or when.
pub(crate) fn key(url: &Url, loose: bool) -> String {
    let mut key = url.origin().ascii_serialization();
    for segment in url.path().split('/').skip(1) {
        key.push('/');
        key.push_str(&normalised(segment));
    }
    let Some(pairs) = pairs(url) else {
        return key;
    };
    let signed = is_signed(&pairs);
    let mut kept: Vec<String> = Vec::new();
    for (name, value) in pairs {
        let ignored = is_token(name, value.unwrap_or_default(), signed)
            || VOLATILE.contains(&decoded(name).as_str());
        if loose && ignored {
            continue;
        }
        kept.push(match value {
            Some(value) => format!("{}={}", normalised(name), normalised(value)),
            None => normalised(name),
        });
    }
    kept.sort();
    if !kept.is_empty() {
        key.push('?');
        key.push_str(&kept.join("&"));
    }
    key
}

pub(crate) fn decoded(name: &str) -> String {
    percent_decode_str(name)
        .decode_utf8_lossy()
        .to_ascii_lowercase()
}

fn normalised(piece: &str) -> String {
    match percent_decode_str(piece).decode_utf8() {
        Ok(plain) => utf8_percent_encode(&plain, ENCODED).to_string(),
        Err(_) => piece.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrub::{Scrub, Scrubber};

    fn loose(url: &str) -> String {
        key(&Url::parse(url).unwrap(), true)
    }

    #[test]
    fn who_may_have_it_and_how_it_is_written_do_not_matter() {
        for (one, other) in [
            ("http://A.example:80/x", "http://a.example/x"),
            ("https://h/@a%2fb", "https://h/%40a%2Fb"),
            ("https://h/x?b=2&a=1", "https://h/x?a=1&b=2"),
            ("https://h/x?", "https://h/x"),
            ("https://u:p@h/x#y", "https://h/x"),
            (
                "https://h/x?X-Amz-Signature=1&X-Amz-Date=2&v=3",
                "https://h/x?v=3&X-Amz-Signature=SCRUBBED&X-Amz-Date=9",
            ),
            (
                "https://h/x?se=2024&sp=r&sig=abc",
                "https://h/x?sig=SCRUBBED&se=2030&sp=rw",
            ),
            ("https://h/x?Expires=1&v=2", "https://h/x?v=2&Expires=5"),
            ("https://h/x?_=1", "https://h/x?_=2"),
        ] {
            assert_eq!(loose(one), loose(other));
        }
    }

    #[test]
    fn what_is_wanted_does_matter() {
        for (one, other) in [
            ("http://h/x", "https://h/x"),
            ("http://h/x", "http://h/X"),
            ("http://h/a%2Fb", "http://h/a/b"),
            ("http://h/x?sp=1", "http://h/x?sp=2"),
            ("http://h/x?key=0xABC", "http://h/x?key=0xDEF"),
            ("http://h/x?a", "http://h/x"),
            ("http://h/x?md5=1", "http://h/x?md5=2"),
            ("http://h:81/x", "http://h/x"),
            ("http://h/x/", "http://h/x"),
        ] {
            assert_ne!(loose(one), loose(other));
        }
    }

    #[test]
    fn credentials_are_not_written_down() {
        let scrub = Scrubber::new(&Scrub {
            secrets: vec![b"s3cr3t/val ue\n".to_vec(), b"x".to_vec()],
        });
        let written = |url: &str| scrub.url(&Url::parse(url).unwrap());
        assert_eq!(
            written("https://user:pw@h/x?token=abc&v=1#f"),
            "https://h/x?token=SCRUBBED&v=1"
        );
        assert_eq!(
            written("https://h/bots3cr3t%2Fval%20ue/send?q=s3cr3t%2fval%20ue"),
            "https://h/botSCRUBBED/send?q=SCRUBBED"
        );
        assert_eq!(written("https://h/x?a&b=&c=x"), "https://h/x?a&b=&c=x");
        let base = Url::parse("https://h/a/b").unwrap();
        assert_eq!(scrub.link(&base, "../c"), "../c");
        assert_eq!(
            scrub.link(&base, "/c?sig=1&se=2"),
            "https://h/c?sig=SCRUBBED&se=SCRUBBED"
        );
        assert_eq!(scrub.link(&base, "https://a:b@o/c"), "https://o/c");
    }
}
