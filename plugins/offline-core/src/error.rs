//! What the edge needs to know of a failure.
//!
//! Every module has its own error enum with fields. At the edge they all become
//! a [`Failure`]: a [`Kind`] (which decides the exit code), the error with its
//! cause chain, and a hint that says what to do next.

use std::error::Error as StdError;

/// The class of a failure; each has its own exit code (see `docs/exit-codes.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// No Compose file was found.
    NoComposeFile,
    /// The Compose file cannot be read as Compose.
    ComposeInvalid,
    /// A Dockerfile cannot be parsed.
    DockerfileInvalid,
    /// An image reference is not one (often an unset variable).
    ReferenceInvalid,
    /// A Dockerfile named by the project does not exist.
    DockerfileMissing,
    /// A build context named by the project does not exist.
    ContextMissing,
    /// An `env_file` named by the project does not exist.
    EnvFileMissing,
    /// A service was asked for that the project does not have.
    UnknownService,
    /// The bundle would be written where a build context would pick it up.
    BundleInContext,
    /// An image does not exist in its registry.
    ImageNotFound,
    /// A registry, or another server, could not be reached.
    RegistryUnreachable,
    /// A registry, or another server, refused access.
    RegistryDenied,
    /// What was fetched is not what its checksum says.
    DownloadChanged,
    /// The Docker engine does not answer.
    EngineUnreachable,
    /// The Docker engine's socket may not be opened by this user.
    EngineDenied,
    /// The Docker context asked for does not exist.
    ContextUnknown,
    /// The docker command itself is missing.
    DockerMissing,
    /// The buildx plugin is missing.
    BuildxMissing,
    /// The Compose plugin is missing.
    ComposeMissing,
    /// A program that `x-offline` needs is missing.
    ToolMissing,
    /// This engine cannot use what the bundle holds.
    EngineIncompatible,
    /// No bundle was found.
    BundleNotFound,
    /// What was given is not a bundle.
    NotABundle,
    /// The archive ends too early.
    BundleTruncated,
    /// A byte of the bundle is not what was written.
    BundleAltered,
    /// The bundle was written by a newer format.
    BundleNewer,
    /// The bundle was made, or is wanted, for a processor or system that this
    /// engine is not.
    OtherPlatform,
    /// Something that `x-offline` names does not exist, or a bundle does not carry what was
    /// asked of it.
    CarriedMissing,
    /// What is carried would overwrite something else that is there.
    TargetDiffers,
    /// What was given was made for another project.
    OtherProject,
    /// The bundle lacks something that this project needs.
    BundleIncomplete,
    /// A build failed.
    BuildFailed,
    /// Some services were built, others were refused.
    BuildPartial,
    /// A step asked for something that the bundle's recording does not hold.
    NotRecorded,
    /// Build containers cannot reach the proxy that replays the network.
    ProxyUnreachable,
    /// The bundle is written, but what some services fetch could not be recorded, or some
    /// packages could not be fetched.
    RecordingPartial,
    /// What was built did not become healthy, and what ran before runs again.
    PutBack,
    /// What was built does not run, and nothing could be put back.
    NotHealthy,
    /// Diagnosis found errors.
    FindingsError,
    /// Diagnosis found warnings and `--strict` was given.
    FindingsWarning,
    /// No space is left on a disk.
    DiskFull,
    /// A file could not be read or written.
    Io,
    /// A command of Docker failed in a way not listed above.
    EngineFailed,
    /// The user interrupted the command.
    Interrupted,
}

/// Implemented by every error enum of this crate.
pub trait Explain: StdError {
    /// The class of the failure.
    fn kind(&self) -> Kind;
    /// What to do next, as a sentence or as commands to paste.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// Any failure of this crate, on its way to the edge.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    hint: Option<String>,
    source: Box<dyn StdError + Send + Sync>,
}

impl Failure {
    /// The class, which decides the exit code.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What to do next.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The error itself; its `source()` chain holds the causes.
    pub fn error(&self) -> &(dyn StdError + Send + Sync) {
        self.source.as_ref()
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.source.fmt(f)
    }
}

impl<E: Explain + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            kind: error.kind(),
            hint: error.hint(),
            source: Box::new(error),
        }
    }
}

/// Whether an I/O error means that a disk is full (or a quota reached).
pub fn is_disk_full(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
    )
}

/// The kind of an I/O error: a full disk is told apart from all others.
pub fn io_kind(error: &std::io::Error) -> Kind {
    if is_disk_full(error) {
        Kind::DiskFull
    } else {
        Kind::Io
    }
}
