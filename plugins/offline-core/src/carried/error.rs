use std::path::{Path, PathBuf};

use crate::error::{Explain, Kind, io_kind};
use crate::project::Location;

/// Why something cannot be carried, or not be put into its place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder does not exist where the export is made.
    #[error("{}{} does not exist, which x-offline names", at(location.as_ref()), path.display())]
    FileMissing {
        /// The path.
        path: PathBuf,
        /// Where it is declared.
        location: Option<Location>,
    },
    /// A volume does not exist where the export is made.
    #[error("{}the volume {name} does not exist, which x-offline names", at(location.as_ref()))]
    VolumeMissing {
        /// Its name in the engine.
        name: String,
        /// Where it is declared.
        location: Option<Location>,
    },
    /// A volume was not read to its end.
    #[error("the volume {name} was not read to its end")]
    VolumeCut {
        /// Its name in the engine.
        name: String,
    },
    /// A folder that holds the bundle would carry it within itself.
    #[error("{}{} cannot be carried: the bundle {} is written into it", at(location.as_ref()), path.display(), bundle.display())]
    HoldsBundle {
        /// The folder.
        path: PathBuf,
        /// The bundle folder.
        bundle: PathBuf,
        /// Where it is declared.
        location: Option<Location>,
    },
    /// Something became shorter while it was read.
    #[error("{} was changed while it was read", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// What a bundle carries does not stay in its place.
    #[error("{what} of the bundle is refused at {entry:?}: {why}")]
    Hostile {
        /// What is carried.
        what: String,
        /// The entry.
        entry: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// What a bundle carries cannot be read.
    #[error("{what} of the bundle cannot be read")]
    Unreadable {
        /// What is carried.
        what: String,
        /// The cause.
        source: std::io::Error,
    },
    /// Something else is there.
    #[error("not put into its place, all else was done:\n    {}", refused.join("\n    "))]
    Differs {
        /// What, where and why.
        refused: Vec<String>,
    },
    /// A bundle does not carry this.
    #[error("{} carries no {kind}", bundle.display())]
    NotCarried {
        /// What was asked for.
        kind: &'static str,
        /// The bundle.
        bundle: PathBuf,
    },
    /// The folder that the source should go to holds something else.
    #[error("nothing was written to {}, where something else is: {why}", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
        /// What is in it, as far as it differs.
        why: String,
    },
    /// A file operation failed.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

fn at(location: Option<&Location>) -> String {
    location.map_or_else(String::new, |l| format!("{l}: "))
}

impl Error {
    /// For `map_err` on reading what a bundle carries.
    pub(super) fn unreadable(what: &str) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.to_owned();
        move |source| Self::Unreadable { what, source }
    }

    /// For `map_err` on a file operation.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
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
            Self::FileMissing { .. } | Self::VolumeMissing { .. } | Self::NotCarried { .. } => {
                Kind::CarriedMissing
            }
            Self::VolumeCut { .. } => Kind::EngineFailed,
            Self::HoldsBundle { .. } => Kind::BundleInContext,
            Self::Changed { .. } => Kind::Io,
            Self::Hostile { .. } | Self::Unreadable { .. } => Kind::BundleAltered,
            Self::Differs { .. } | Self::Occupied { .. } => Kind::TargetDiffers,
            Self::Io { source, .. } => io_kind(source),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::FileMissing { .. } => {
                "put it there, or correct the path; it is relative to the project's folder".into()
            }
            Self::VolumeMissing { .. } => {
                "start the services once, so that they fill it (docker compose up -d), or take it out of x-offline".into()
            }
            Self::VolumeCut { .. } => {
                "run the same command again; docker system info says whether the engine is well".into()
            }
            Self::HoldsBundle { .. } => {
                "name what lies in it, or choose another folder for the bundle with --cache-dir and --archive".into()
            }
            Self::Changed { .. } => "run the same command again when nobody writes it".into(),
            Self::Hostile { .. } => "do not use this bundle; export it again".into(),
            Self::Unreadable { .. } => {
                "copy the archive again and compare it with: sha256sum -c SHA256SUMS".into()
            }
            Self::Differs { .. } => {
                "move what is there away and run the same command again; or let it be overwritten with: docker offline build --replace".into()
            }
            Self::NotCarried { kind, .. } => {
                format!("export again with: docker offline export --with-{kind}")
            }
            Self::Occupied { .. } => {
                "name another folder, or move what is in this one away".into()
            }
            Self::Io { source, .. } => match io_kind(source) {
                Kind::DiskFull => "free space and run the same command again".into(),
                _ => "check the rights of that folder, or run the command as its owner".into(),
            },
        })
    }
}
