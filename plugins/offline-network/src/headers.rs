//! Headers: what belongs to one connection, what is negotiated, what is kept.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::scrub::Scrubber;

/// Belong to one connection only (RFC 9110, 7.6.1).
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Turn a whole answer into a part of one or into none.
pub(crate) const CONDITIONS: &[HeaderName] = &[
    header::RANGE,
    header::IF_RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
];
/// Answers' headers that are of one moment, one client or one connection.
const NOT_KEPT: &[&str] = &[
    "age",
    "alt-svc",
    "authentication-info",
    "clear-site-data",
    "content-length",
    "date",
    "nel",
    "report-to",
    "reporting-endpoints",
    "server-timing",
    "strict-transport-security",
    "via",
];
/// Names with one of these in them may carry a credential or name a session.
const NOT_KEPT_PARTS: &[&str] = &[
    "auth",
    "cookie",
    "credential",
    "csrf",
    "jwt",
    "nonce",
    "passw",
    "request-id",
    "requestid",
    "secret",
    "session",
    "signature",
    "token",
    "trace",
    "api-key",
    "apikey",
    "client-ip",
];

/// Takes out what belongs to one connection.
pub(crate) fn end_to_end(headers: &mut HeaderMap) {
    let mut listed = Vec::new();
    for value in headers.get_all(header::CONNECTION) {
        let names = value.to_str().unwrap_or_default().split(',');
        listed.extend(names.filter_map(|n| HeaderName::from_bytes(n.trim().as_bytes()).ok()));
    }
    for name in listed {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(*name);
    }
}

/// An answer's headers as they are written down.
pub(crate) fn kept(headers: &HeaderMap, scrub: &Scrubber, url: &Url) -> Vec<(String, String)> {
    let mut kept = Vec::new();
    for (name, value) in headers {
        let name = name.as_str();
        let text: String = value.as_bytes().iter().copied().map(char::from).collect();
        let text = match name {
            "location" | "content-location" => scrub.link(url, &text),
            // Which scheme is asked for makes a tool look for its credentials; the
            // rest of the challenge may name anything.
            "www-authenticate" => match text.split_whitespace().next() {
                Some(scheme) => scheme.to_owned(),
                None => continue,
            },
            _ if NOT_KEPT.contains(&name) || NOT_KEPT_PARTS.iter().any(|p| name.contains(p)) => {
                continue;
            }
            "link" => links(&text, scrub, url),
            // May hold an address anywhere, and no tool of a build follows it.
            "refresh" => continue,
            _ => scrub.text(&text),
        };
        kept.push((name.to_owned(), text));
    }
    kept.sort();
    kept
}

/// The links of a list, `<https://...?token=x>; rel=next`, without credentials.
fn links(text: &str, scrub: &Scrubber, base: &Url) -> String {
    let mut clean = String::new();
    for (number, part) in text.split('<').enumerate() {
        if number > 0 {
            clean.push('<');
        }
        if let Some((link, rest)) = part.split_once('>') {
            clean.push_str(&scrub.link(base, link));
            clean.push('>');
            clean.push_str(rest);
        } else {
            clean.push_str(part);
        }
    }
    scrub.text(&clean)
}

/// The value that was written down, as bytes.
pub(crate) fn value(text: &str) -> Option<HeaderValue> {
    let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
    HeaderValue::from_bytes(&bytes?).ok()
}

/// A header as text; several of the same name are one list.
pub(crate) fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let all: Vec<_> = headers
        .get_all(name)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .collect();
    (!all.is_empty()).then(|| all.join(", "))
}

/// How gladly a coding is taken, in thousandths; 0 is not at all. Without the
/// header nothing but `identity` is taken: tools that say nothing do not decode.
pub(crate) fn coding_quality(accepted: Option<&str>, coding: &str) -> u32 {
    let coding = coding.trim_start_matches("x-");
    let mut other = u32::from(coding == "identity");
    for (name, quality) in weighted(accepted.unwrap_or_default()) {
        if name.trim_start_matches("x-") == coding {
            return quality;
        }
        if name == "*" {
            other = quality;
        }
    }
    other
}

/// How gladly a media type is taken, in thousandths; the most precise range counts
/// (RFC 9110, 12.5.1).
pub(crate) fn media_quality(accepted: Option<&str>, media: &str) -> u32 {
    let Some(accepted) = accepted.filter(|a| !a.trim().is_empty()) else {
        return 1000;
    };
    let media = media.split(';').next().unwrap_or_default().trim();
    let media = media.to_ascii_lowercase();
    let family = media.split('/').next().unwrap_or_default();
    let mut best = (0, 0);
    for (range, quality) in weighted(accepted) {
        let precision = match range.split_once('/') {
            _ if range == media => 3,
            Some((kind, "*")) if kind == family => 2,
            Some(("*", "*")) => 1,
            None if range == "*" => 1,
            _ => 0,
        };
        if precision > best.0 {
            best = (precision, quality);
        }
    }
    best.1
}

/// The items of a list with their weights in thousandths; lower case, parameters
/// other than the weight left out.
fn weighted(list: &str) -> impl Iterator<Item = (String, u32)> + '_ {
    list.split(',').filter_map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().filter(|n| !n.is_empty())?;
        let weight = parts
            .find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")))
            .and_then(|q| q.trim().parse::<f32>().ok())
            .map_or(1000.0, |q| (q * 1000.0).clamp(0.0, 1000.0));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 1000
        Some((name.to_ascii_lowercase(), weight as u32))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_weighed_by_the_most_precise_range() {
        let pip = Some(
            "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01",
        );
        assert_eq!(
            media_quality(pip, "application/vnd.pypi.simple.v1+json"),
            1000
        );
        assert_eq!(media_quality(pip, "text/html; charset=utf-8"), 10);
        assert_eq!(media_quality(pip, "application/json"), 0);
        assert_eq!(media_quality(Some("*/*;q=0.5, text/*"), "text/html"), 1000);
        assert_eq!(media_quality(Some("*/*;q=0.5, text/*"), "a/b"), 500);
        assert_eq!(media_quality(None, "a/b"), 1000);
    }

    #[test]
    fn codings_that_nobody_asked_for_are_not_taken() {
        assert_eq!(coding_quality(None, "gzip"), 0);
        assert_eq!(coding_quality(None, "identity"), 1);
        assert_eq!(coding_quality(Some("gzip, br;q=0"), "x-gzip"), 1000);
        assert_eq!(coding_quality(Some("gzip, br;q=0"), "br"), 0);
        assert_eq!(coding_quality(Some("*"), "zstd"), 1000);
        assert_eq!(coding_quality(Some("identity;q=0"), "identity"), 0);
    }

    #[test]
    fn credentials_of_answers_are_not_kept() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "text/plain"),
            ("set-cookie", "id=geheim"),
            ("www-authenticate", "Bearer realm=\"https://geheim\""),
            ("x-auth-token", "geheim"),
            ("authorization", "geheim"),
            ("location", "https://a:geheim@h/x?sig=geheim"),
            ("link", "<https://h/x?token=geheim>; rel=\"next\""),
            ("x-copy", "my geheim value"),
        ] {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        let scrub = Scrubber::new(&crate::Scrub {
            secrets: vec![b"geheim".to_vec()],
        });
        let kept = kept(&headers, &scrub, &Url::parse("http://h/").unwrap());
        assert_eq!(
            kept.iter()
                .map(|(n, v)| format!("{n}: {v}"))
                .collect::<Vec<_>>(),
            [
                "content-type: text/plain",
                "link: <https://h/x?token=SCRUBBED>; rel=\"next\"",
                "location: https://h/x?sig=SCRUBBED",
                "www-authenticate: Bearer",
                "x-copy: my SCRUBBED value",
            ]
        );
    }
}
