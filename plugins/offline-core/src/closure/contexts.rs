//! Named contexts, looked up as BuildKit does
//! (`frontend/dockerui/namedcontext.go`).

use std::collections::BTreeMap;

use crate::project::NamedContext;
use crate::reference::ImageReference;

/// The `additional_contexts` of a build by their normalised names.
pub(super) struct Contexts<'a>(BTreeMap<String, &'a NamedContext>);

impl<'a> Contexts<'a> {
    pub(super) fn new(contexts: &'a BTreeMap<String, NamedContext>) -> Self {
        Self(
            contexts
                .iter()
                .map(|(name, context)| (normalised(name), context))
                .collect(),
        )
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a NamedContext> {
        self.0.get(&normalised(name)).copied()
    }
}

/// Whether two names mean one named context.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    normalised(one) == normalised(other)
}

/// `debian`, `debian:latest` and `docker.io/library/debian` are one name.
fn normalised(name: &str) -> String {
    match ImageReference::parse(name) {
        Ok(reference) => {
            let familiar = reference.familiar();
            familiar
                .strip_suffix(":latest")
                .unwrap_or(&familiar)
                .to_owned()
        }
        Err(_) => name.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_image_are_one() {
        for name in ["debian", "debian:latest", "docker.io/library/debian"] {
            assert_eq!(normalised(name), "debian");
        }
        assert_eq!(normalised("debian:12"), "debian:12");
        assert_eq!(normalised("Base"), "base");
    }
}
