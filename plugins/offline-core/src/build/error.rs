use std::path::{Path, PathBuf};

use crate::engine::StepFailure;
use crate::error::{Explain, Failure, Kind, io_kind};

/// Why a build failed where no other module's error says it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bundle is for another platform.
    #[error("the bundle was made for {made}, this engine runs {here}")]
    OtherPlatform {
        /// The bundle's platform.
        made: String,
        /// The engine's.
        here: String,
    },
    /// Images that this project asks for are in neither bundle nor engine.
    #[error("the bundle lacks {}", list(images))]
    MissingImages {
        /// `reference (role of services)`.
        images: Vec<String>,
    },
    /// Two images would get one name.
    #[error("this version would make {name} the name of two images, those of services {} and {}", services[0], services[1])]
    VersionTaken {
        /// The name.
        name: String,
        /// The services.
        services: [String; 2],
    },
    /// The bundle is damaged.
    #[error("{count} blobs of {path} are damaged, first {first}", path = path.display())]
    Damaged {
        /// The bundle folder.
        path: PathBuf,
        /// How many.
        count: usize,
        /// The first one, and what is wrong with it.
        first: String,
    },
    /// A build failed.
    #[error("{}", failure.of_build())]
    Build {
        /// What the builder said.
        failure: Box<StepFailure>,
        /// Why a step ran that was cached at export, where known.
        explanation: Option<String>,
    },
    /// Services failed, and the others were built as far as they do not need them.
    #[error("{}", not_all_built(failures, upon, *built))]
    NotAllBuilt {
        /// The services of each failure.
        failures: Vec<(Vec<String>, Failure)>,
        /// Services that were not tried, and what they are built upon.
        upon: Vec<(String, String)>,
        /// Whether there are others.
        built: bool,
    },
    /// Every service was built but these.
    #[error("{} not built: {}", plural(services.len()), services.join(", "))]
    Refused {
        /// `service (reason)`.
        services: Vec<String>,
        /// Whether there was no other service to build.
        all: bool,
        /// Whether the classic builder was the one to build.
        classic: bool,
    },
    /// The bundle has no finished images, and the engine lacks some.
    #[error("the bundle holds no finished image of {}", services.join(", "))]
    NotFinished {
        /// The services.
        services: Vec<String>,
    },
    /// The bundle has nothing for the classic builder.
    #[error(
        "the bundle holds no stage images of the services that are built; Engine {builder} made it"
    )]
    NoClassicStages {
        /// The engine that made it.
        builder: String,
    },
    /// A platform cannot be read.
    #[error("{text:?} is no platform such as linux/amd64")]
    Platform {
        /// What was given.
        text: String,
    },
    /// The active builder cannot see the engine's images.
    #[error(
        "the active buildx builder {name} uses the {driver} driver, which cannot see the engine's images"
    )]
    Driver {
        /// The builder.
        name: String,
        /// Its driver.
        driver: String,
    },
    /// A file could not be written.
    #[error("cannot write {path}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

impl Error {
    /// A file that cannot be written.
    pub(super) fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Write { path, source }
    }
}

fn list(images: &[String]) -> String {
    images.join(", ")
}

fn not_all_built(
    failures: &[(Vec<String>, Failure)],
    upon: &[(String, String)],
    built: bool,
) -> String {
    let count = failures.iter().map(|(names, _)| names.len()).sum::<usize>() + upon.len();
    let mut text = format!("{} not built", plural(count));
    if built {
        text += ", all others were";
    }
    for (services, failure) in failures {
        text += &format!("\n  service {}: {failure}", services.join(", "));
    }
    for (service, base) in upon {
        text += &format!("\n  service {service}: it is built upon {base}");
    }
    text
}

/// What to do about each failure, the same words once.
fn hints(failures: &[(Vec<String>, Failure)]) -> Option<String> {
    let mut all: Vec<(&str, Vec<&str>)> = Vec::new();
    for (services, failure) in failures {
        let Some(hint) = failure.hint() else { continue };
        let names = services.iter().map(String::as_str);
        match all.iter_mut().find(|(known, _)| *known == hint) {
            Some((_, same)) => same.extend(names),
            None => all.push((hint, names.collect())),
        }
    }
    match all.as_slice() {
        [] => None,
        [(one, _)] => Some((*one).to_owned()),
        several => {
            let each = several.iter();
            let each = each.map(|(hint, names)| format!("for {}: {hint}", names.join(", ")));
            Some(each.collect::<Vec<_>>().join("; "))
        }
    }
}

fn plural(count: usize) -> String {
    if count == 1 {
        "one service was".into()
    } else {
        format!("{count} services were")
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::VersionTaken { .. } => Kind::ReferenceInvalid,
            Self::OtherPlatform { .. } | Self::Platform { .. } => Kind::OtherPlatform,
            Self::MissingImages { .. }
            | Self::NotFinished { .. }
            | Self::NoClassicStages { .. } => Kind::BundleIncomplete,
            Self::Damaged { .. } => Kind::BundleAltered,
            Self::Build { failure, .. } if failure.is_full_disk() => Kind::DiskFull,
            Self::Build { .. } => Kind::BuildFailed,
            Self::NotAllBuilt { failures, .. } => {
                let first = failures.first();
                first.map_or(Kind::BuildFailed, |(_, failure)| failure.kind())
            }
            Self::Refused { all: false, .. } => Kind::BuildPartial,
            Self::Refused { .. } | Self::Driver { .. } => Kind::EngineIncompatible,
            Self::Write { source, .. } => io_kind(source),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::OtherPlatform { here, .. } => {
                format!("export it for this machine: docker offline export --platform {here}")
            }
            Self::VersionTaken { .. } => {
                "leave --version out, or build these services one at a time, each with a version of its own".into()
            }
            Self::MissingImages { .. } => {
                "the project asks for more than at the export: run docker offline export again on the connected machine with these sources, and carry the new archive".into()
            }
            Self::Damaged { .. } => {
                "the copy is damaged: check the archive with sha256sum -c SHA256SUMS, copy it again, remove this folder and run the same command again".into()
            }
            Self::Build { explanation: Some(words), .. } => words.clone(),
            Self::Build { .. } => {
                "if the step needs a network, undo the edit before it, or export again with the edited sources; docker offline diagnose looks at the rest".into()
            }
            Self::NotAllBuilt { failures, .. } => return hints(failures),
            Self::Refused { classic: true, .. } => {
                "undo the edit, and the carried image is taken again; or export again with it, or take a newer engine with buildx".into()
            }
            Self::Refused { .. } => {
                "see the warnings above for each; --force builds them all the same, with a network step running on site".into()
            }
            Self::NotFinished { .. } => {
                "build them from the bundle with: docker offline build; or export again without --no-images".into()
            }
            Self::NoClassicStages { .. } => {
                "export again on the connected machine, and carry the new archive".into()
            }
            Self::Platform { .. } => "name it as os/architecture, e.g. --platform linux/arm64".into(),
            Self::Driver { .. } => "docker buildx use default".into(),
            Self::Write { .. } => "free space or check the folder's rights, then run the same command again".into(),
        })
    }
}
