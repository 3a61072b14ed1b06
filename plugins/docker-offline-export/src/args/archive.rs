use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

/// Which archive to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Archive {
    /// None: the bundle folder is carried as it is.
    None,
    /// This file; its name says how it is compressed.
    File(PathBuf),
}

impl FromStr for Archive {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "none" => Self::None,
            file => Self::File(file.into()),
        })
    }
}
