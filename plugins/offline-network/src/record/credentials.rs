//! Answers whose body is a credential: what logs in gets the real one, and
//! something that looks like it is written down.

use serde_json::Value;

use crate::scrub::PLACEHOLDER;

/// Larger answers are data, not tokens.
pub(crate) const LARGEST: u64 = 1 << 20;

/// Names that hold a credential wherever they stand (OAuth 2.0, RFC 6749, 5.1; git
/// LFS's batch answers carry an `Authorization` for each object).
const ANYWHERE: &[&str] = &[
    "access_token",
    "accesstoken",
    "authorization",
    "id_token",
    "refresh_token",
    "secretaccesskey",
    "sessiontoken",
];
/// Names that do so in the outermost object; elsewhere they may name other things.
const OUTERMOST: &[&str] = &["token", "jwt", "secret", "password", "authtoken"];

/// The body without its credentials; nothing if it holds none, or is not JSON.
pub(crate) fn without(body: &[u8]) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(body).ok()?;
    let mut changed = false;
    scrub(&mut value, true, &mut changed);
    if changed {
        serde_json::to_vec(&value).ok()
    } else {
        None
    }
}

fn scrub(value: &mut Value, outermost: bool, changed: &mut bool) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.to_ascii_lowercase();
                let credential = ANYWHERE.contains(&name.as_str())
                    || (outermost && OUTERMOST.contains(&name.as_str()));
                match value {
                    Value::String(text) if credential && !text.is_empty() => {
                        PLACEHOLDER.clone_into(text);
                        *changed = true;
                    }
                    other => scrub(other, false, changed),
                }
            }
        }
        Value::Array(values) => {
            for value in values {
                scrub(value, false, changed);
            }
        }
        _ => (),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn tokens_are_taken_out_and_the_rest_stays() {
        let of =
            |body: &str| super::without(body.as_bytes()).map(|b| String::from_utf8(b).unwrap());
        assert_eq!(
            of(r#"{"token":"abc","expires_in":300}"#).unwrap(),
            r#"{"expires_in":300,"token":"SCRUBBED"}"#
        );
        assert_eq!(
            of(r#"[{"header":{"Authorization":"Basic x"}}]"#).unwrap(),
            r#"[{"header":{"Authorization":"SCRUBBED"}}]"#
        );
        assert_eq!(of(r#"{"name":"x","dependencies":{"token":"^1.0"}}"#), None);
        assert_eq!(of("token"), None);
    }
}
