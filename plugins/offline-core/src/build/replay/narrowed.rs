//! Resolvers that are offered what the bundle holds, and want something else.

use offline_network::{Miss, Narrowed};

use super::Replayer;
use crate::engine::StepFailure;

/// What resolvers say where no version fits, in small letters: pip, uv, poetry, npm,
/// pnpm, yarn of both kinds, bun, deno, cargo, go, Maven, Gradle.
const NOTHING_FITS: &[&str] = &[
    "no matching distribution found",
    "could not find a version that satisfies",
    "resolutionimpossible",
    "no solution found when resolving",
    "version solving failed",
    "doesn't match any versions",
    "notarget",
    "etarget",
    "no matching version",
    "err_pnpm_no_matching_version",
    "couldn't find any versions for",
    "no candidates found",
    "no version matching",
    "could not find npm package",
    "failed to select a version for",
    "no matching package named",
    "no matching versions for query",
    "no versions available for",
    "could not find any version that matches",
];

impl Replayer<'_> {
    /// Notes the packages that a failed step did not find in the version that it wanted,
    /// as if it had asked for them: they are named, and a second trip brings them.
    pub(super) fn note_lacking(&self, failure: &StepFailure, service: Option<&str>) {
        let text = failure.words().to_lowercase();
        if !NOTHING_FITS.iter().any(|words| text.contains(words)) {
            return;
        }
        let known = self.missed();
        let own = |one: &Narrowed| service.is_none_or(|s| s == one.target);
        let named = self.narrowed().into_iter().filter(|one| {
            let new = !known
                .iter()
                .any(|m| m.target == one.target && m.url == one.url);
            own(one) && new && names(&text, &one.package)
        });
        let lacking: Vec<Miss> = named.map(lacking).collect();
        self.state().lacking.extend(lacking);
    }
}

fn lacking(narrowed: Narrowed) -> Miss {
    let why = format!(
        "no version of {} in the bundle fits; it holds {}",
        narrowed.package,
        narrowed.versions.join(", ")
    );
    Miss {
        target: narrowed.target,
        method: "GET".into(),
        url: narrowed.url,
        accept: narrowed.accept,
        why,
        changing: false,
        time: narrowed.time,
        times: 1,
    }
}

/// Whether a text in small letters names a package: as a word, however it is written
/// (`Foo_bar` is `foo-bar`; Maven's and Go's names have more than one part).
fn names(text: &str, package: &str) -> bool {
    let plain = |text: &str| text.to_lowercase().replace(['_', '.'], "-");
    let (text, package) = (plain(text), plain(package));
    let is_part = |c: char| c.is_alphanumeric() || c == '/' || c == '@';
    text.match_indices(&package).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + package.len()..].chars().next();
        // `name@^1.0` is npm's, and of the package itself.
        !before.is_some_and(|c| is_part(c) || c == '-')
            && !after.is_some_and(|c| c.is_alphanumeric() || c == '/')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_as_words() {
        for (text, package) in [
            ("no matching distribution found for six==1.17.0", "six"),
            ("satisfies the requirement zope_interface", "zope-interface"),
            (
                "no matching version found for is-number@^8.0.0.",
                "is-number",
            ),
            (
                "no matching version found for @types/node@99.",
                "@types/node",
            ),
            (
                "no versions available for org.example:lib:jar:[3,)",
                "org.example:lib",
            ),
        ] {
            assert!(names(text, package), "{package}: {text}");
        }
        for (text, package) in [
            ("no matching version found for is-number@^8.0.0.", "number"),
            ("no matching version found for @types/node@99.", "node"),
            ("no matching distribution found for sixty==1.0", "six"),
        ] {
            assert!(!names(text, package), "{package}: {text}");
        }
    }
}
