use std::path::PathBuf;

use super::Digest;
use crate::error::{Explain, Kind, io_kind};

/// Why an OCI layout could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder is no OCI image layout.
    #[error("{path} is not an OCI image layout: {why}", path = path.display())]
    NotALayout {
        /// The folder.
        path: PathBuf,
        /// What is missing or wrong.
        why: String,
    },
    /// A text is no sha256 digest.
    #[error("{text:?} is not a sha256 digest")]
    InvalidDigest {
        /// The text.
        text: String,
    },
    /// A text is no platform.
    #[error("{text:?} is not a platform (os/architecture or os/architecture/variant)")]
    InvalidPlatform {
        /// The text.
        text: String,
    },
    /// A blob is not there.
    #[error("blob {digest} is missing from {path}", path = path.display())]
    BlobMissing {
        /// The blob.
        digest: Digest,
        /// The layout.
        path: PathBuf,
    },
    /// Bytes are not those that their digest names.
    #[error("blob {expected} is altered: its bytes have the digest {actual}")]
    DigestMismatch {
        /// The digest it should have.
        expected: Digest,
        /// The digest it has.
        actual: Digest,
    },
    /// An artifact is of another type than the one asked for.
    #[error("{digest} should be an artifact of type {expected}, and is of type {actual:?}")]
    WrongArtifact {
        /// Its manifest.
        digest: Digest,
        /// The type asked for.
        expected: String,
        /// The type it has.
        actual: String,
    },
    /// A blob has not the size that its descriptor says.
    #[error("blob {digest} is altered: it should have {expected} bytes")]
    SizeMismatch {
        /// The blob.
        digest: Digest,
        /// The size in bytes it should have.
        expected: u64,
    },
    /// A document is too large to be what it says.
    #[error("{what} has {size} bytes; more than {limit} is not taken for a document")]
    TooLarge {
        /// The document.
        what: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A document cannot be read.
    #[error("{what} cannot be read")]
    Malformed {
        /// The document.
        what: String,
        /// The cause.
        source: serde_json::Error,
    },
    /// A stream of `docker save` lacks something or holds what it must not.
    #[error("what the engine saved cannot be used: {why}")]
    SaveStream {
        /// What is wrong.
        why: String,
    },
    /// An index holds no image of the platform.
    #[error("{digest} has no image for {platform}")]
    PlatformMissing {
        /// The index.
        digest: Digest,
        /// The platform wanted.
        platform: String,
    },
    /// A stream failed.
    #[error("cannot {action}")]
    Stream {
        /// What was tried.
        action: &'static str,
        /// The cause.
        source: std::io::Error,
    },
    /// A file operation failed.
    #[error("cannot {action} {path}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

impl Error {
    /// For `map_err` on a file operation.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotALayout { .. } => Kind::NotABundle,
            Self::InvalidDigest { .. }
            | Self::DigestMismatch { .. }
            | Self::SizeMismatch { .. }
            | Self::WrongArtifact { .. }
            | Self::TooLarge { .. }
            | Self::Malformed { .. } => Kind::BundleAltered,
            Self::InvalidPlatform { .. } => Kind::ComposeInvalid,
            Self::BlobMissing { .. } => Kind::BundleIncomplete,
            Self::SaveStream { .. } => Kind::EngineFailed,
            Self::PlatformMissing { .. } => Kind::OtherPlatform,
            Self::Stream { source, .. } | Self::Io { source, .. } => io_kind(source),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotALayout { .. } => {
                "name the bundle folder or its archive with --bundle".into()
            }
            Self::BlobMissing { .. }
            | Self::DigestMismatch { .. }
            | Self::SizeMismatch { .. }
            | Self::WrongArtifact { .. }
            | Self::TooLarge { .. }
            | Self::Malformed { .. } => {
                "copy the bundle again from where it was exported; what is whole is kept, so the same command continues".into()
            }
            Self::Stream { source, .. } | Self::Io { source, .. }
                if io_kind(source) == Kind::DiskFull =>
            {
                "free space and run the same command again; it continues where it stopped".into()
            }
            _ => return None,
        })
    }
}
