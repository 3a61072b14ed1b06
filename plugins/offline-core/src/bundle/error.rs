use std::path::PathBuf;

use crate::error::{Explain, Kind, io_kind};
use crate::layout::{self, Digest};

/// Why a bundle could not be written, found or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No bundle is where it is looked for.
    #[error("no bundle was found; looked for {}", looked.join(", "))]
    NotFound {
        /// The places.
        looked: Vec<String>,
    },
    /// The bundle would end up in a build context.
    #[error("{path} lies in the build context of service {service} ({context}), and COPY at {copy} would take it into the image", path = path.display(), context = context.display())]
    InContext {
        /// What would be written.
        path: PathBuf,
        /// The service.
        service: String,
        /// Its context.
        context: PathBuf,
        /// `file:line` of the COPY.
        copy: String,
    },
    /// A file or folder is no bundle.
    #[error("{path} is not a bundle: {why}", path = path.display())]
    NotABundle {
        /// The file or folder.
        path: PathBuf,
        /// What is missing or wrong.
        why: String,
    },
    /// A request file cannot be read or written.
    #[error("{path} is not a request file of docker offline build --wanted: {why}", path = path.display())]
    WantedMalformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The record cannot be read.
    #[error("bundle.json cannot be read")]
    RecordMalformed {
        /// The cause.
        source: serde_json::Error,
    },
    /// The bundle's format is newer than what this version reads.
    #[error(
        "the bundle has format {format}, written by docker-offline {tool_version}; this version reads up to {}",
        super::FORMAT
    )]
    Newer {
        /// The bundle's format.
        format: u32,
        /// The version that wrote it.
        tool_version: String,
    },
    /// The archive ends before its last file.
    #[error("{path} is cut off{}", at.as_deref().map(|at| format!(" in {at}")).unwrap_or_default(), path = path.display())]
    Truncated {
        /// The archive.
        path: PathBuf,
        /// The file in the archive where it ends, if known.
        at: Option<String>,
    },
    /// A file of the archive is not what was written.
    #[error("{what} of {path} is altered: {why}", path = path.display())]
    Altered {
        /// The archive or folder.
        path: PathBuf,
        /// The file or blob in it.
        what: String,
        /// How this shows.
        why: String,
    },
    /// The archive holds what an archive of this tool never holds.
    #[error("{path} holds {entry:?}, which is refused: {why}", path = path.display())]
    Refused {
        /// The archive.
        path: PathBuf,
        /// The entry.
        entry: String,
        /// Why.
        why: &'static str,
    },
    /// A blob that the bundle needs is in neither the archive nor the folder.
    #[error("blob {digest} is missing from {path}", path = path.display())]
    BlobMissing {
        /// The blob.
        digest: Digest,
        /// The archive or folder.
        path: PathBuf,
    },
    /// An archive that adds to a bundle came without it.
    #[error("{path} only adds to the bundle of {made_for}, and that one is not here", path = path.display())]
    NothingToAddTo {
        /// The archive.
        path: PathBuf,
        /// When the bundle was exported.
        made_for: String,
    },
    /// What was given belongs to another project.
    #[error("{path} is of the project {theirs:?}, and this one is {ours:?}", path = path.display())]
    OtherProject {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        theirs: String,
        /// The project here.
        ours: String,
    },
    /// An archive that adds to a bundle leaves out what this bundle does not have.
    #[error("{path} adds to the bundle of {made_for} and leaves out what that one holds; the bundle here, of {here}, lacks blob {digest}", path = path.display())]
    AdditionIncomplete {
        /// The archive.
        path: PathBuf,
        /// A blob that is in neither.
        digest: Digest,
        /// When the bundle was exported that it was made for.
        made_for: String,
        /// When that was that is here.
        here: String,
    },
    /// The archive's sum is not the one in `SHA256SUMS`.
    #[error("{path} is altered: SHA256SUMS says {expected}, its bytes have {actual}", path = path.display())]
    SumMismatch {
        /// The file.
        path: PathBuf,
        /// The digest in `SHA256SUMS`.
        expected: Digest,
        /// The digest of the bytes.
        actual: Digest,
    },
    /// Parts of an archive are not here, or not as they were written.
    #[error("{archive} is not whole:{}", parts_in_words(missing, altered), archive = archive.display())]
    Parts {
        /// The archive that they are parts of.
        archive: PathBuf,
        /// The numbers of those that are missing, from 1.
        missing: Vec<usize>,
        /// The numbers of those that are altered.
        altered: Vec<usize>,
    },
    /// An archive would have more parts than are written at once.
    #[error("{archive} would have more than {most} parts", archive = archive.display())]
    TooManyParts {
        /// The archive.
        archive: PathBuf,
        /// How many it may have.
        most: usize,
    },
    /// The archive's name has an unknown ending.
    #[error("{path}: an archive's name ends in .tar.zst, .tar.gz or .tar", path = path.display())]
    UnknownFormat {
        /// The archive.
        path: PathBuf,
    },
    /// A line of an ignore file is no pattern.
    #[error("{path}:{line}: {pattern:?} is no pattern: {why}", path = path.display())]
    IgnorePattern {
        /// The ignore file.
        path: PathBuf,
        /// The line, 1-based.
        line: usize,
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The recording of the network cannot be read.
    #[error("the recording of the network cannot be read")]
    Recording(#[source] offline_network::Error),
    /// The layout failed.
    #[error(transparent)]
    Layout(#[from] layout::Error),
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
    /// Whether the bundle itself is at fault, not the disk or the machine.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(
            self.kind(),
            Kind::NotABundle | Kind::BundleTruncated | Kind::BundleAltered | Kind::BundleNewer
        )
    }

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
            Self::NotFound { .. } | Self::NothingToAddTo { .. } => Kind::BundleNotFound,
            Self::InContext { .. } => Kind::BundleInContext,
            Self::NotABundle { .. }
            | Self::UnknownFormat { .. }
            | Self::TooManyParts { .. }
            | Self::WantedMalformed { .. } => Kind::NotABundle,
            Self::Newer { .. } | Self::Recording(offline_network::Error::Newer { .. }) => {
                Kind::BundleNewer
            }
            Self::Truncated { .. } => Kind::BundleTruncated,
            Self::Parts { altered, .. } if altered.is_empty() => Kind::BundleTruncated,
            Self::RecordMalformed { .. }
            | Self::Parts { .. }
            | Self::Recording(_)
            | Self::Altered { .. }
            | Self::Refused { .. }
            | Self::SumMismatch { .. } => Kind::BundleAltered,
            Self::BlobMissing { .. } | Self::AdditionIncomplete { .. } => Kind::BundleIncomplete,
            Self::OtherProject { .. } => Kind::OtherProject,
            Self::IgnorePattern { .. } => Kind::DockerfileInvalid,
            Self::Layout(error) => error.kind(),
            Self::Io { source, .. } => io_kind(source),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotFound { .. } => "carry the archive (build-cache-*.tar.zst) into the project folder, or name it with --bundle FILE; it is made on a connected machine with: docker offline export".into(),
            Self::InContext { .. } => {
                "add build-cache* to the .dockerignore of that context, or choose a folder outside of it with --cache-dir and --archive".into()
            }
            Self::NotABundle { .. } => "name the folder build-cache or an archive build-cache-*.tar.zst that docker offline export has written".into(),
            Self::WantedMalformed { .. } => "copy the file again from the site, where docker offline build --wanted wanted.json writes it".into(),
            Self::NothingToAddTo { .. } => "carry the whole bundle (build-cache-*.tar.zst, or the folder build-cache) into the project folder first, and name this archive again then".into(),
            Self::OtherProject { .. } => "run it in the folder of that project, or name the file that was made for this one".into(),
            Self::AdditionIncomplete { made_for, .. } => format!("build with the bundle of {made_for} and this archive; or write the request file again here (docker offline build --wanted wanted.json) and fetch it with that one"),
            Self::UnknownFormat { .. } => "give the archive another name, as in --archive build-cache.tar.zst".into(),
            Self::Newer { tool_version, .. } => format!("install docker-offline {tool_version} or later; its binaries lie beside the archive (run ./install.sh there)"),
            Self::Truncated { .. } | Self::Altered { .. } | Self::SumMismatch { .. } | Self::RecordMalformed { .. } | Self::BlobMissing { .. } => "copy the archive again and compare it with: sha256sum -c SHA256SUMS".into(),
            Self::Parts { archive, missing, altered } => {
                let name = archive.file_name().unwrap_or_default().to_string_lossy();
                let mut numbers: Vec<usize> = missing.iter().chain(altered).copied().collect();
                numbers.sort_unstable();
                let files: Vec<String> = numbers.iter().map(|n| format!("{name}.{n:03}")).collect();
                format!("copy again, beside the others or into a folder beside them: {}; then run the same command again, nothing was changed", files.join(", "))
            }
            Self::TooManyParts { .. } => "give a larger size with --split".into(),
            Self::Recording(offline_network::Error::Newer { .. }) => "install the version of docker-offline that lies beside the archive (run ./install.sh there)".into(),
            Self::Recording(_) => "export the bundle again".into(),
            Self::Refused { .. } => "do not use this file; export the bundle again".into(),
            Self::Io { source, .. } if io_kind(source) == Kind::DiskFull => "free space, or choose another disk, and run the same command again; nothing that was there before is changed".into(),
            Self::Layout(error) => return error.hint(),
            _ => return None,
        })
    }
}

/// ` part 003 and part 007 are missing, part 005 is altered`
fn parts_in_words(missing: &[usize], altered: &[usize]) -> String {
    let of = |numbers: &[usize], what: &str| {
        let named: Vec<String> = numbers.iter().map(|n| format!("part {n:03}")).collect();
        let verb = if numbers.len() == 1 { "is" } else { "are" };
        (!named.is_empty()).then(|| format!(" {} {verb} {what}", named.join(" and ")))
    };
    let said = [of(missing, "missing"), of(altered, "altered")];
    said.into_iter().flatten().collect::<Vec<_>>().join(",")
}
