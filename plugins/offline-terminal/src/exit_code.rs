use std::fmt::Write as _;

use offline_core::Kind;

/// One exit code: its number, its name and what it means.
///
/// The table is the contract with scripts: a number is never given a second
/// meaning. `docs/exit-codes.md` is written from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExitCode {
    /// The number the process exits with.
    pub number: u8,
    /// A name for messages and for `--progress json`.
    pub name: &'static str,
    /// What it means, as half a sentence.
    pub meaning: &'static str,
}

const fn code(number: u8, name: &'static str, meaning: &'static str) -> ExitCode {
    ExitCode {
        number,
        name,
        meaning,
    }
}

#[rustfmt::skip]
const TABLE: &[(Option<Kind>, ExitCode)] = &[
    (None, ExitCode::OK),
    (Some(Kind::FindingsWarning), code(1, "FindingsWarning", "diagnosis found warnings and `--strict` was given")),
    (None, ExitCode::USAGE),
    (None, ExitCode::UNEXPECTED),
    (Some(Kind::NoComposeFile), code(10, "NoComposeFile", "no Compose file was found")),
    (Some(Kind::ComposeInvalid), code(11, "ComposeInvalid", "the Compose file cannot be read as Compose")),
    (Some(Kind::DockerfileInvalid), code(12, "DockerfileInvalid", "a Dockerfile cannot be parsed")),
    (Some(Kind::ReferenceInvalid), code(13, "ReferenceInvalid", "an image reference is not one, often because a variable is not set")),
    (Some(Kind::DockerfileMissing), code(14, "DockerfileMissing", "a Dockerfile named by the project does not exist")),
    (Some(Kind::ContextMissing), code(15, "ContextMissing", "a build context, or what else a build takes, is named by the project and does not exist")),
    (Some(Kind::EnvFileMissing), code(16, "EnvFileMissing", "an `env_file` named by the project does not exist")),
    (Some(Kind::UnknownService), code(17, "UnknownService", "the project has no such service")),
    (Some(Kind::BundleInContext), code(18, "BundleInContext", "the bundle would be written where a build context picks it up")),
    (Some(Kind::CarriedMissing), code(19, "CarriedMissing", "something that `x-offline` names does not exist, or a bundle does not carry what was asked of it")),
    (Some(Kind::ImageNotFound), code(20, "ImageNotFound", "an image does not exist in its registry")),
    (Some(Kind::RegistryUnreachable), code(21, "RegistryUnreachable", "a registry, or another server that something is fetched from, could not be reached")),
    (Some(Kind::RegistryDenied), code(22, "RegistryDenied", "a registry, or another such server, refused access")),
    (Some(Kind::DownloadChanged), code(23, "DownloadChanged", "what was fetched is not what its checksum says")),
    (Some(Kind::EngineUnreachable), code(30, "EngineUnreachable", "the Docker engine does not answer")),
    (Some(Kind::EngineDenied), code(31, "EngineDenied", "this user may not talk to the Docker engine")),
    (Some(Kind::ContextUnknown), code(32, "ContextUnknown", "the Docker context does not exist")),
    (Some(Kind::DockerMissing), code(33, "DockerMissing", "the docker command is missing")),
    (Some(Kind::BuildxMissing), code(34, "BuildxMissing", "the buildx plugin is missing")),
    (Some(Kind::ComposeMissing), code(35, "ComposeMissing", "the Compose plugin is missing")),
    (Some(Kind::EngineIncompatible), code(36, "EngineIncompatible", "this engine cannot use what the bundle holds")),
    (Some(Kind::EngineFailed), code(37, "EngineFailed", "a command of Docker failed in another way")),
    (Some(Kind::ToolMissing), code(38, "ToolMissing", "a program that `x-offline` needs on this machine is missing")),
    (Some(Kind::BundleNotFound), code(40, "BundleNotFound", "no bundle was found")),
    (Some(Kind::NotABundle), code(41, "NotABundle", "what was given is not a bundle")),
    (Some(Kind::BundleTruncated), code(42, "BundleTruncated", "the archive ends too early")),
    (Some(Kind::BundleAltered), code(43, "BundleAltered", "a byte of the bundle is not what was written")),
    (Some(Kind::BundleNewer), code(44, "BundleNewer", "the bundle was written by a newer format")),
    (Some(Kind::OtherPlatform), code(45, "OtherPlatform", "the bundle was made, or is wanted, for a processor or system that this engine is not")),
    (Some(Kind::BundleIncomplete), code(46, "BundleIncomplete", "the bundle lacks something that this project needs")),
    (Some(Kind::OtherProject), code(47, "OtherProject", "what was given was made for another project")),
    (Some(Kind::BuildFailed), code(50, "BuildFailed", "a build failed")),
    (Some(Kind::BuildPartial), code(51, "BuildPartial", "some services were built, others were refused")),
    (Some(Kind::NotRecorded), code(52, "NotRecorded", "a step asked for something that the bundle's recording does not hold")),
    (Some(Kind::ProxyUnreachable), code(53, "ProxyUnreachable", "the recorded network cannot be replayed for this engine from here")),
    (Some(Kind::RecordingPartial), code(54, "RecordingPartial", "the bundle was written, but what some services fetch could not be recorded, or some packages could not be fetched")),
    (Some(Kind::TargetDiffers), code(55, "TargetDiffers", "something that is carried was not put into its place, where something else is; the rest was done")),
    (Some(Kind::PutBack), code(56, "PutBack", "what was built did not become healthy, and what ran before runs again")),
    (Some(Kind::NotHealthy), code(57, "NotHealthy", "what was built does not run, and nothing could be put back that does")),
    (Some(Kind::DiskFull), code(60, "DiskFull", "no space is left on a disk")),
    (Some(Kind::Io), code(61, "Io", "a file could not be read or written")),
    (Some(Kind::FindingsError), code(70, "FindingsError", "diagnosis found errors")),
    (Some(Kind::Interrupted), code(130, "Interrupted", "the user interrupted the command")),
];

impl ExitCode {
    /// The command did what was asked.
    pub const OK: Self = code(0, "Ok", "the command did what was asked");
    /// Something happened that has no code of its own; a mistake in docker-offline.
    pub const UNEXPECTED: Self = code(3, "Unexpected", "a mistake in docker-offline");
    /// The command line cannot be read.
    pub const USAGE: Self = code(2, "Usage", "the command line cannot be read");
    /// A signal ended the command.
    pub const INTERRUPTED: Self = code(130, "Interrupted", "the user interrupted the command");

    /// The code of a failure; a kind without one is unexpected, and a test
    /// makes sure that there is none.
    pub fn of(kind: Kind) -> Self {
        TABLE
            .iter()
            .find(|(of, _)| *of == Some(kind))
            .map_or(Self::UNEXPECTED, |(_, code)| *code)
    }

    /// All codes in ascending order.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(_, code)| *code)
    }

    /// The text of `docs/exit-codes.md`.
    pub fn markdown() -> String {
        let mut text = String::from(
            "# Exit codes\n\n\
             Written by `make docs`; do not edit.\n\n\
             Every binary ends with one of these, and `docker offline ...` passes it on. \
             A number is never given a second meaning.\n\n\
             | code | name | meaning |\n|---:|---|---|\n",
        );
        for code in Self::all() {
            let ExitCode {
                number,
                name,
                meaning,
            } = code;
            let _ = writeln!(text, "| {number} | {name} | {meaning} |");
        }
        text
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend_so_that_none_is_used_twice() {
        let numbers: Vec<u8> = ExitCode::all().map(|c| c.number).collect();
        assert!(numbers.windows(2).all(|w| w[0] < w[1]), "{numbers:?}");
    }

    #[test]
    fn a_code_is_named_as_its_kind() {
        for (kind, code) in TABLE {
            if let Some(kind) = kind {
                assert_eq!(format!("{kind:?}"), code.name);
                assert_eq!(ExitCode::of(*kind), *code);
            }
        }
    }

    #[test]
    fn every_kind_has_a_code() {
        let source = include_str!("../../offline-core/src/error.rs");
        let body = source.split("pub enum Kind {").nth(1).unwrap();
        let kinds: Vec<&str> = body
            .split("\n}")
            .next()
            .unwrap()
            .lines()
            .map(str::trim)
            .filter(|l| !l.starts_with("//") && l.ends_with(','))
            .map(|l| l.trim_end_matches(','))
            .collect();
        assert!(kinds.len() > 20, "{kinds:?}");
        for kind in kinds {
            assert!(
                ExitCode::all().any(|c| c.name == kind),
                "{kind} has no code"
            );
        }
    }
}
