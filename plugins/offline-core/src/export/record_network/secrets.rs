//! What must never be written down: the secrets of the builds.

use regex::Regex;

use crate::project::Project;

/// Shorter values of build arguments are words, and turn up everywhere.
const SHORTEST_ARGUMENT: usize = 12;

/// The values of build secrets, of build arguments that look like tokens, and of
/// credentials in addresses. Files with several settings (`.netrc`, `.npmrc`,
/// `pip.conf`) are taken apart: what they call a password or a token counts too.
pub(super) fn values(project: &Project, others: &[&str]) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for build in project.services.iter().filter_map(|s| s.build.as_ref()) {
        for secret in &build.secrets {
            let bytes = project.secret_value(&secret.source).unwrap_or_default();
            all.extend(parts(&String::from_utf8_lossy(&bytes)));
            all.push(bytes);
        }
        for (name, value) in &build.args {
            let Some(value) = value.clone().or_else(|| std::env::var(name).ok()) else {
                continue;
            };
            all.extend(in_addresses(&value));
            if is_token_like(name) && value.len() >= SHORTEST_ARGUMENT {
                all.push(value.into_bytes());
            }
        }
    }
    all.extend(others.iter().flat_map(|address| in_addresses(address)));
    all.retain(|value| !value.trim_ascii().is_empty());
    all.sort();
    all.dedup();
    all
}

fn is_token_like(name: &str) -> bool {
    const WORDS: [&str; 8] = [
        "TOKEN",
        "SECRET",
        "PASSWORD",
        "PASSWD",
        "CREDENTIAL",
        "AUTH",
        "APIKEY",
        "API_KEY",
    ];
    let name = name.to_ascii_uppercase();
    WORDS.iter().any(|word| name.contains(word)) || name.ends_with("_KEY") || name.ends_with("_PAT")
}

/// What settings in a text call a password, a token or the like.
fn parts(text: &str) -> Vec<Vec<u8>> {
    const NAMED: &str = r#"(?i)(?:password|passwd|token|secret|credential|_auth|auth|api[-_]?key|access[-_]?key)s?["']?\s*[:=\s]\s*["']?(?:bearer\s+|basic\s+)?([^\s"',;]{6,})"#;
    let mut all = in_addresses(text);
    // The text of the pattern is fixed; one that could not be read would find nothing.
    if let Ok(named) = Regex::new(NAMED) {
        let found = named.captures_iter(text);
        all.extend(found.map(|found| found[1].as_bytes().to_vec()));
    }
    all
}

/// The passwords of `https://user:password@host/`, and the user where it stands
/// alone, as tokens do.
fn in_addresses(text: &str) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (at, _) in text.match_indices("://") {
        let authority = text[at + 3..].split(['/', '?', '#', '"', '\'', ' ', '\n', '\r', '\t']);
        let Some((user, _)) = authority
            .into_iter()
            .next()
            .and_then(|a| a.rsplit_once('@'))
        else {
            continue;
        };
        let secret = user.split_once(':').map_or(user, |(_, password)| password);
        all.push(secret.as_bytes().to_vec());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(found: Vec<Vec<u8>>) -> Vec<String> {
        found
            .into_iter()
            .map(|b| String::from_utf8(b).unwrap())
            .collect()
    }

    #[test]
    fn settings_are_taken_apart() {
        for (text, expected) in [
            (
                "machine pypi.example login me password s3cretvalue\n",
                vec!["s3cretvalue"],
            ),
            ("//reg.example/:_authToken=npm_abcdef\n", vec!["npm_abcdef"]),
            (
                "index-url = https://me:hunter22@pypi.example/simple\n",
                vec!["hunter22"],
            ),
            (
                "url=https://ghp_token1234@git.example/x",
                vec!["ghp_token1234"],
            ),
            ("{\"auth\": \"bWU6aHVudGVy\"}", vec!["bWU6aHVudGVy"]),
            ("Authorization: Bearer abcdefgh", vec![]),
            ("just-a-token", vec![]),
        ] {
            assert_eq!(texts(parts(text)), expected, "{text}");
        }
    }

    #[test]
    fn names_of_tokens() {
        for (name, expected) in [
            ("NPM_TOKEN", true),
            ("DB_PASSWORD", true),
            ("AWS_SECRET_ACCESS_KEY", true),
            ("GITHUB_PAT", true),
            ("VERSION", false),
            ("PATH", false),
            ("KEYBOARD", false),
        ] {
            assert_eq!(is_token_like(name), expected, "{name}");
        }
    }
}
