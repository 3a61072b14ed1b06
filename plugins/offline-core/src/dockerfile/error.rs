use std::path::{Path, PathBuf};

use crate::error::{Explain, Kind};

/// Why a Dockerfile cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {why}", path.display())]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// The 1-based line.
    pub line: u32,
    /// What is wrong there.
    pub why: String,
}

impl Error {
    /// An error of a text whose file is not known yet.
    pub(super) fn at(line: u32, why: impl Into<String>) -> Self {
        Self {
            path: PathBuf::new(),
            line,
            why: why.into(),
        }
    }

    /// The same error, in this file.
    #[must_use]
    pub fn in_file(self, path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            ..self
        }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        Kind::DockerfileInvalid
    }

    fn hint(&self) -> Option<String> {
        Some(format!(
            "correct line {} of {} and run the same command again",
            self.line,
            self.path.display()
        ))
    }
}
