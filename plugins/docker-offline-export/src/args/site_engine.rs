use std::fmt;
use std::str::FromStr;

/// The engine of the air-gapped site, as far as the user knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteEngine {
    /// Its version as written, `28.5` or `26.1.5`.
    pub version: String,
    /// Its image store.
    pub store: Option<SiteStore>,
}

/// An image store of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiteStore {
    /// A graphdriver, overlay2 as a rule.
    Overlay2,
    /// The containerd image store.
    Containerd,
}

/// Why a site engine cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SiteEngineError {
    /// The version is none.
    Version(String),
    /// The store is none.
    Store(String),
}

impl fmt::Display for SiteEngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(text) => write!(
                f,
                "\"{text}\" is not an engine version; docker version prints it there, like 28.5.2"
            ),
            Self::Store(text) => write!(f, "\"{text}\" is neither overlay2 nor containerd"),
        }
    }
}

impl std::error::Error for SiteEngineError {}

impl FromStr for SiteEngine {
    type Err = SiteEngineError;

    fn from_str(text: &str) -> Result<Self, SiteEngineError> {
        let (version, store) = match text.split_once(',') {
            Some((version, store)) => (version, Some(store)),
            None => (text, None),
        };
        let version = version.strip_prefix('v').unwrap_or(version);
        let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !version.split('.').all(number) {
            return Err(SiteEngineError::Version(version.to_owned()));
        }
        let store = match store {
            None => None,
            Some("overlay2") => Some(SiteStore::Overlay2),
            Some("containerd") => Some(SiteStore::Containerd),
            Some(other) => return Err(SiteEngineError::Store(other.to_owned())),
        };
        Ok(Self {
            version: version.to_owned(),
            store,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_and_store() {
        let engine: SiteEngine = "28.5,containerd".parse().unwrap();
        assert_eq!(engine.version, "28.5");
        assert_eq!(engine.store, Some(SiteStore::Containerd));
        assert_eq!("v26.1.5".parse::<SiteEngine>().unwrap().store, None);
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in ["", "latest", "28.", "28.5,", "28.5,zfs", "28,overlay2,x"] {
            assert!(text.parse::<SiteEngine>().is_err(), "{text}");
        }
    }
}
