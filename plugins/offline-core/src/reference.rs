//! Image references, parsed and normalised as Docker does.
//!
//! `debian` is `docker.io/library/debian:latest`, `debian@sha256:...` keeps no
//! tag. Grammar: the distribution project's `reference` package.

use std::fmt;

use crate::error::{Explain, Kind};

/// A normalised image reference.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(into = "String", try_from = "String")]
pub struct ImageReference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// Why a text is no image reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an image reference: {why}")]
pub struct InvalidReference {
    /// The text as found.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Explain for InvalidReference {
    fn kind(&self) -> Kind {
        Kind::ReferenceInvalid
    }
    fn hint(&self) -> Option<String> {
        Some("an unset variable is the usual cause: set it in .env or in the environment, or give it a default with ${NAME:-default}".into())
    }
}

impl ImageReference {
    /// Parses and normalises a reference as a user writes it.
    pub fn parse(text: &str) -> Result<Self, InvalidReference> {
        let fail = |why| InvalidReference {
            text: text.to_owned(),
            why,
        };
        if text.is_empty() {
            return Err(fail("it is empty"));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                check_digest(digest).map_err(fail)?;
                (rest, Some(digest.to_owned()))
            }
            None => (text, None),
        };
        // A colon after the last slash starts a tag; one before it belongs to a port.
        let slash = rest.rfind('/').map_or(0, |i| i + 1);
        let (name, tag) = match rest[slash..].find(':') {
            Some(i) => {
                let tag = &rest[slash + i + 1..];
                check_tag(tag).map_err(fail)?;
                (&rest[..slash + i], Some(tag.to_owned()))
            }
            None => (rest, None),
        };
        let (registry, path) = match name.split_once('/') {
            Some((first, path))
                if first.contains(['.', ':'])
                    || first == "localhost"
                    || first.chars().any(char::is_uppercase) =>
            {
                (first.to_owned(), path.to_owned())
            }
            _ => ("docker.io".to_owned(), name.to_owned()),
        };
        let registry = if registry == "index.docker.io" {
            "docker.io".to_owned()
        } else {
            registry
        };
        if path.is_empty() {
            return Err(fail("the name is empty"));
        }
        for component in path.split('/') {
            check_component(component).map_err(fail)?;
        }
        let repository = if registry == "docker.io" && !path.contains('/') {
            format!("library/{path}")
        } else {
            path
        };
        let tag = if tag.is_none() && digest.is_none() {
            Some("latest".to_owned())
        } else {
            tag
        };
        Ok(Self {
            registry,
            repository,
            tag,
            digest,
        })
    }

    /// `docker.io` or the registry's host and port.
    pub fn registry(&self) -> &str {
        &self.registry
    }
    /// The repository, with `library/` where Docker adds it.
    pub fn repository(&self) -> &str {
        &self.repository
    }
    /// The tag, if any.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }
    /// The digest pin, if any (`sha256:...`).
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }
    /// The name as people write it: no `docker.io/library/`.
    pub fn familiar(&self) -> String {
        let full = self.to_string();
        let short = full.strip_prefix("docker.io/").unwrap_or(&full);
        short.strip_prefix("library/").unwrap_or(short).to_owned()
    }

    /// The name by which `BuildKit` looks for a named context in place of this image:
    /// the familiar name without `:latest` (`dockerfile2llb`, `namedContext`).
    pub fn context_name(&self) -> String {
        let familiar = self.familiar();
        let short = familiar.strip_suffix(":latest");
        short.unwrap_or(&familiar).to_owned()
    }

    /// The same reference without its digest; `latest` where no tag is left.
    #[must_use]
    pub fn without_digest(&self) -> Self {
        Self {
            digest: None,
            tag: Some(self.tag.clone().unwrap_or_else(|| "latest".into())),
            ..self.clone()
        }
    }

    /// The `name:tag` under which `docker load` shall know this image.
    ///
    /// A graphdriver store loses digests on load, so a pin gets a tag of its own
    /// by which a named context can find it (engine fact 10); the plain tag
    /// might belong to another image of the same project.
    pub fn load_name(&self) -> String {
        let Some(digest) = &self.digest else {
            return self.familiar();
        };
        let short = digest.rsplit(':').next().unwrap_or(digest);
        let short = &short[..short.len().min(12)];
        let base = Self {
            digest: None,
            tag: None,
            ..self.clone()
        };
        match &self.tag {
            Some(tag) => format!("{}:{:.100}-pinned-{short}", base.familiar(), tag),
            None => format!("{}:pinned-{short}", base.familiar()),
        }
    }

    /// All names under which this image is loaded, the first being
    /// [`ImageReference::load_name`].
    ///
    /// A containerd store resolves a pin by itself if the image has the pin's
    /// name and tag (`latest` where it has none). It gets that name too, unless
    /// another image among `others` needs it.
    pub fn load_names<'a>(&self, others: impl IntoIterator<Item = &'a Self>) -> Vec<String> {
        let mut names = vec![self.load_name()];
        if self.digest.is_some() && !self.shares_its_tag(others) {
            names.push(self.without_digest().familiar());
        }
        names
    }

    /// Whether another image among `others` goes by this one's name and tag, as
    /// when a project asks for a tag and also for a pin of what it once was.
    pub fn shares_its_tag<'a>(&self, others: impl IntoIterator<Item = &'a Self>) -> bool {
        let plain = self.without_digest();
        others.into_iter().any(|other| {
            other != self && other.without_digest() == plain && other.digest != self.digest
        })
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl From<ImageReference> for String {
    fn from(value: ImageReference) -> Self {
        value.to_string()
    }
}

impl TryFrom<String> for ImageReference {
    type Error = InvalidReference;
    fn try_from(value: String) -> Result<Self, Self::Error> {
        Self::parse(&value)
    }
}

fn check_digest(digest: &str) -> Result<(), &'static str> {
    match digest.strip_prefix("sha256:") {
        Some(hex)
            if hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) =>
        {
            Ok(())
        }
        _ => Err("the digest must be sha256: and 64 lower-case hexadecimal digits"),
    }
}

fn check_tag(tag: &str) -> Result<(), &'static str> {
    let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    match tag.as_bytes() {
        [] => Err("the tag after ':' is empty"),
        [b'.' | b'-', ..] => Err("a tag must not begin with '.' or '-'"),
        bytes if bytes.len() > 128 => Err("a tag has at most 128 characters"),
        bytes if bytes.iter().all(|b| valid(*b)) => Ok(()),
        _ => Err("the tag holds a character that tags may not have"),
    }
}

fn check_component(component: &str) -> Result<(), &'static str> {
    if component.is_empty() {
        return Err("a part of the name is empty");
    }
    if component.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err("names are lower case");
    }
    if !component
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'))
    {
        return Err("the name holds a character that names may not have");
    }
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if !edge(component.bytes().next()) || !edge(component.bytes().last()) {
        return Err("a part of the name must begin and end with a letter or digit");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalises_as_docker_does() {
        let cases = [
            ("debian", "docker.io/library/debian:latest", "debian:latest"),
            (
                "debian:bookworm-slim",
                "docker.io/library/debian:bookworm-slim",
                "debian:bookworm-slim",
            ),
            (
                "docker.io/debian",
                "docker.io/library/debian:latest",
                "debian:latest",
            ),
            (
                "index.docker.io/library/debian:1",
                "docker.io/library/debian:1",
                "debian:1",
            ),
            (
                "docker/dockerfile:1",
                "docker.io/docker/dockerfile:1",
                "docker/dockerfile:1",
            ),
            (
                "localhost:5000/a/b",
                "localhost:5000/a/b:latest",
                "localhost:5000/a/b:latest",
            ),
            ("localhost/a", "localhost/a:latest", "localhost/a:latest"),
            ("ghcr.io/x/y:2", "ghcr.io/x/y:2", "ghcr.io/x/y:2"),
        ];
        for (text, full, familiar) in cases {
            let reference = ImageReference::parse(text).unwrap();
            assert_eq!(reference.to_string(), full);
            assert_eq!(reference.familiar(), familiar);
        }
    }

    #[test]
    fn a_pin_keeps_its_tag_and_gets_no_latest() {
        let hex = "a".repeat(64);
        let pinned = ImageReference::parse(&format!("debian@sha256:{hex}")).unwrap();
        assert_eq!(
            pinned.to_string(),
            format!("docker.io/library/debian@sha256:{hex}")
        );
        let both = ImageReference::parse(&format!("debian:12@sha256:{hex}")).unwrap();
        assert_eq!(
            both.to_string(),
            format!("docker.io/library/debian:12@sha256:{hex}")
        );
        assert_eq!(
            both.without_digest().to_string(),
            "docker.io/library/debian:12"
        );
    }

    #[test]
    fn refuses_what_an_unset_variable_leaves() {
        for text in [
            "",
            "name:",
            "UPPER",
            "a//b",
            "a/",
            "a@sha256:12",
            "-a",
            "a b",
            "a:b c",
        ] {
            assert!(ImageReference::parse(text).is_err(), "{text:?}");
        }
    }
}
