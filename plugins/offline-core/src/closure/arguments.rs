//! Which build arguments a Dockerfile knows.

use super::BuildClosure;

/// Arguments that every build has. They are part of a step's key only where the
/// Dockerfile declares them itself (Dockerfile reference, "Predefined ARGs").
const PREDEFINED: [&str; 10] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// Whether every build has this argument, declared or not.
pub fn is_predefined(argument: &str) -> bool {
    PREDEFINED.contains(&argument)
}

impl BuildClosure {
    /// The line of the first `ARG` that declares an argument; `None` also where
    /// the Dockerfile is not at hand.
    pub fn declares(&self, argument: &str) -> Option<u32> {
        let declares = |line: &str| {
            let mut words = line.split_whitespace();
            words.next().is_some_and(|w| w.eq_ignore_ascii_case("ARG"))
                && words.any(|word| word.split('=').next() == Some(argument))
        };
        let index = self.named_dockerfile.lines().position(declares)?;
        Some(u32::try_from(index + 1).ok()? + self.line_offset)
    }

    /// Whether the argument can change this build.
    pub fn takes(&self, argument: &str) -> bool {
        self.named_dockerfile.is_empty() || self.declares(argument).is_some()
    }
}
