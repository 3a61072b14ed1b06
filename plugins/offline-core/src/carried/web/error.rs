use crate::error::{Explain, Kind};
use crate::layout::{self, Digest};
use crate::{engine, registry};

/// Why something could not be fetched by its URL. Addresses are without credentials.
#[derive(Debug, thiserror::Error)]
pub(in crate::carried) enum Error {
    /// No server gave it.
    #[error("{place}{what} cannot be fetched")]
    Unreachable {
        /// Where it is declared, with a colon.
        place: String,
        /// What was asked for.
        what: String,
        /// What each server did.
        #[source]
        tried: Tried,
    },
    /// The servers do not have it.
    #[error("{place}{what} does not exist")]
    Missing {
        /// Where it is declared, with a colon.
        place: String,
        /// What was asked for.
        what: String,
        /// What each server did.
        #[source]
        tried: Tried,
    },
    /// The servers do not give it to us.
    #[error("{place}{what} is refused")]
    Denied {
        /// Where it is declared, with a colon.
        place: String,
        /// What was asked for.
        what: String,
        /// What each server did.
        #[source]
        tried: Tried,
    },
    /// It is something else than its checksum says.
    #[error("{place}{what} is not what its checksum says: expected {expected}, found {found}")]
    Changed {
        /// Where it is declared, with a colon.
        place: String,
        /// What was asked for.
        what: String,
        /// The checksum that was expected.
        expected: String,
        /// That of what came.
        found: String,
    },
    /// Its checksum is not declared.
    #[error("{place}{what} has no sha256; it is {found}")]
    NoChecksum {
        /// Where it is declared, with a colon.
        place: String,
        /// What was asked for.
        what: String,
        /// What it has now.
        found: Digest,
    },
    /// The blob cannot be written.
    #[error(transparent)]
    Layout(#[from] layout::Error),
    /// The client cannot be set up.
    #[error(transparent)]
    Setup(#[from] registry::Error),
    /// The user interrupted.
    #[error(transparent)]
    Interrupted(#[from] engine::Error),
}

/// What each server did, in words.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub(in crate::carried) struct Tried(pub(super) Vec<String>);

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Unreachable { .. } => Kind::RegistryUnreachable,
            Self::Missing { .. } => Kind::CarriedMissing,
            Self::Denied { .. } => Kind::RegistryDenied,
            Self::Changed { .. } => Kind::DownloadChanged,
            Self::NoChecksum { .. } => Kind::ComposeInvalid,
            Self::Layout(error) => error.kind(),
            Self::Setup(error) => error.kind(),
            Self::Interrupted(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unreachable { .. } => {
                "run the same command again, it goes on where this one stopped; or name other servers under `mirrors`; a proxy is taken from HTTPS_PROXY or --http-proxy".into()
            }
            Self::Missing { .. } => "correct the address in x-offline, or name a server that has it under `mirrors`".into(),
            Self::Denied { .. } => {
                "give the user and password of that server in ~/.netrc, or its token in HF_TOKEN for Hugging Face, MODELSCOPE_API_TOKEN for ModelScope".into()
            }
            Self::Changed { .. } => {
                "if the new content is wanted, put its sum into x-offline; if not, name a server under `mirrors` that has the old one. The bundle is as it was".into()
            }
            Self::NoChecksum { found, .. } => {
                format!("check it against what its publisher says, and add to the entry: sha256: {}", found.hex())
            }
            Self::Layout(error) => return error.hint(),
            Self::Setup(error) => return error.hint(),
            Self::Interrupted(error) => return error.hint(),
        })
    }
}
