use crate::engine;
use crate::error::{Explain, Kind};

/// Why a git repository cannot be carried. Addresses are without credentials.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// There is no git.
    #[error("{place}git is not installed here, and {url} is fetched by it")]
    GitMissing {
        /// Where it is declared, with a colon.
        place: String,
        /// The repository.
        url: String,
    },
    /// The repository does not have what is asked for.
    #[error("{place}{url} has no branch, tag or commit {reference}")]
    RefMissing {
        /// Where it is declared, with a colon.
        place: String,
        /// The repository.
        url: String,
        /// What was asked for.
        reference: String,
    },
    /// git failed.
    #[error("{place}{url} cannot be fetched: {message}")]
    Failed {
        /// Where it is declared, with a colon.
        place: String,
        /// The repository.
        url: String,
        /// What git says.
        message: String,
    },
    /// There is no git-lfs.
    #[error("{place}git-lfs is not installed here, and {url} has files of it: {}", files.join(", "))]
    LfsMissing {
        /// Where it is declared, with a colon.
        place: String,
        /// The repository.
        url: String,
        /// Some of the files.
        files: Vec<String>,
    },
    /// Files of LFS did not come.
    #[error("{place}{url}: git-lfs has not fetched {}", files.join(", "))]
    LfsLeft {
        /// Where it is declared, with a colon.
        place: String,
        /// The repository.
        url: String,
        /// Some of the files.
        files: Vec<String>,
    },
    /// The user interrupted.
    #[error(transparent)]
    Interrupted(#[from] engine::Error),
}

/// What of git's words says what.
const DENIED: [&str; 7] = [
    "could not read Username",
    "could not read Password",
    "Authentication failed",
    "Permission denied",
    "Host key verification failed",
    "The requested URL returned error: 403",
    "The requested URL returned error: 401",
];
const MISSING: [&str; 4] = [
    "not found",
    "does not exist",
    "does not appear to be a git repository",
    "access denied or repository not exported",
];

fn says(message: &str, words: &[&str]) -> bool {
    words.iter().any(|word| message.contains(word))
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::GitMissing { .. } | Self::LfsMissing { .. } => Kind::ToolMissing,
            Self::RefMissing { .. } | Self::LfsLeft { .. } => Kind::CarriedMissing,
            Self::Failed { message, .. } if says(message, &DENIED) => Kind::RegistryDenied,
            Self::Failed { message, .. } if says(message, &MISSING) => Kind::CarriedMissing,
            Self::Failed { .. } => Kind::RegistryUnreachable,
            Self::Interrupted(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::GitMissing { .. } => {
                "install it (apt-get install git, dnf install git), and run the same command again".into()
            }
            Self::RefMissing { .. } => {
                "correct `ref`: a branch, a tag, or a whole commit of 40 characters; git ls-remote URL lists them".into()
            }
            Self::Failed { message, .. } if message.contains("Host key verification failed") => {
                "connect once by hand, so that ssh knows the server: ssh -T git@HOST".into()
            }
            Self::Failed { message, .. } if says(message, &DENIED) => {
                "nobody is asked for a password here: give git the credentials beforehand (git credential approve, ~/.netrc, or a key in ssh-agent), so that git ls-remote URL works without a question".into()
            }
            Self::Failed { message, .. } if says(message, &MISSING) => {
                "correct `url`; a private repository says the same to those it does not know".into()
            }
            Self::Failed { .. } => {
                "git ls-remote URL says more; a proxy is taken from https_proxy, git's own http.proxy or --http-proxy".into()
            }
            Self::LfsMissing { .. } => {
                "install git-lfs and run the same command again; or take `lfs: true` away: then the pointers are carried".into()
            }
            Self::LfsLeft { .. } => {
                "git lfs pull in a clone of it says why".into()
            }
            Self::Interrupted(error) => return error.hint(),
        })
    }
}
