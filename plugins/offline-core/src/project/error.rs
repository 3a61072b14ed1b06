use std::path::PathBuf;

use super::{EnvExample, Location, Unset};
use crate::engine;
use crate::error::{Explain, Kind, io_kind};
use crate::reference::InvalidReference;

/// Why a Compose project cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No Compose file was found.
    #[error("no Compose file was found; looked for {}", describe(looked_for))]
    NoComposeFile {
        /// The files that were tried.
        looked_for: Vec<PathBuf>,
    },
    /// The YAML is broken, or is no Compose file.
    #[error("{}the Compose file cannot be read: {message}", prefix(location.as_ref()))]
    Invalid {
        /// Where, if Compose says it.
        location: Option<Location>,
        /// What Compose says.
        message: String,
    },
    /// A variable that must be set is not.
    #[error("{}the variable {variable} must be set: {message}", prefix(location.as_ref()))]
    RequiredVariable {
        /// The variable.
        variable: String,
        /// What the Compose file says about it.
        message: String,
        /// Where it is used, where found.
        location: Option<Location>,
        /// An example of `.env` that sets it.
        example: Option<Box<EnvExample>>,
    },
    /// A variable that is not set leaves something behind that Compose cannot read.
    #[error("{location}: {} not set, and what is left of the line cannot be read: {left:?}: {message}", are(&unset.variables))]
    UnsetVariable {
        /// The variables of that line.
        unset: Box<Unset>,
        /// The value with nothing in the place of the variables.
        left: String,
        /// What Compose says.
        message: String,
        /// The line.
        location: Location,
    },
    /// An `env_file` is missing.
    #[error("{}the env_file {} does not exist", prefix(location.as_ref()), path.display())]
    EnvFileMissing {
        /// The file.
        path: PathBuf,
        /// Where it is named, where found.
        location: Option<Location>,
    },
    /// An included file is missing.
    #[error("{}the included file {} does not exist", prefix(location.as_ref()), path.display())]
    IncludeMissing {
        /// The file.
        path: PathBuf,
        /// Where it is named, where found.
        location: Option<Location>,
    },
    /// A file that `include` or `extends` names, and that Compose fetches, cannot be fetched.
    #[error("{location}: Compose cannot fetch the file that is named there: {why}")]
    RemoteFile {
        /// Where it is named.
        location: Location,
        /// What Compose says.
        why: String,
    },
    /// A service names another one that the project does not have.
    #[error("{}service {service} refers to the undefined service {undefined}", prefix(location.as_ref()))]
    UndefinedService {
        /// The service that names it.
        service: String,
        /// The name that is not defined.
        undefined: String,
        /// Where the name stands, where found.
        location: Option<Location>,
    },
    /// The project has no service of this name.
    #[error("the project has no service {name}")]
    UnknownService {
        /// The name asked for.
        name: String,
        /// The services it has.
        known: Vec<String>,
    },
    /// An image name is not one.
    #[error("{}`{key}` of service {service} names no image", prefix(location.as_ref()))]
    Reference {
        /// The service.
        service: String,
        /// The key that holds it, e.g. `image`.
        key: String,
        /// Where, where found.
        location: Option<Location>,
        /// Variables of the project that are not set; one of them is the likely
        /// cause.
        unset: Box<Unset>,
        /// What is wrong.
        source: Box<InvalidReference>,
    },
    /// The context folder is missing.
    #[error("{}the build context {} of service {service} does not exist", prefix(location.as_ref()), path.display())]
    ContextMissing {
        /// The service.
        service: String,
        /// The folder.
        path: PathBuf,
        /// Where it is named, where found.
        location: Option<Location>,
    },
    /// The Dockerfile is missing.
    #[error("{}the Dockerfile {} of service {service} does not exist", prefix(location.as_ref()), path.display())]
    DockerfileMissing {
        /// The service.
        service: String,
        /// The file.
        path: PathBuf,
        /// Where it is named, where found.
        location: Option<Location>,
    },
    /// buildx looks at this before any cache, and it is not there.
    #[error("{}service {service}: {what} does not exist", prefix(location.as_ref()))]
    InputAbsent {
        /// The service that is built.
        service: String,
        /// What is not there.
        what: String,
        /// Where it is named, where found.
        location: Option<Location>,
        /// How to have it.
        remedy: String,
    },
    /// What `x-offline` says cannot be read.
    #[error("{}x-offline: {message}", prefix(location.as_ref()))]
    Offline {
        /// Where it stands, where found.
        location: Option<Location>,
        /// What is wrong.
        message: String,
    },
    /// A file that `-f` or `COMPOSE_FILE` names is missing.
    #[error("the Compose file {} does not exist", path.display())]
    ComposeFileMissing {
        /// The file.
        path: PathBuf,
    },
    /// What Compose printed is not what it is known to print.
    #[error("`docker compose config` printed something unexpected")]
    Unexpected {
        /// What could not be read.
        source: serde_json::Error,
    },
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Compose could not be run, or failed in a way not listed above.
    #[error(transparent)]
    Engine(#[from] engine::Error),
}

fn prefix(location: Option<&Location>) -> String {
    location.map_or_else(String::new, |l| format!("{l}: "))
}

fn are(variables: &[String]) -> String {
    match variables {
        [one] => format!("{one} is"),
        several => format!("{} are", several.join(", ")),
    }
}

fn describe(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    names.join(", ")
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NoComposeFile { .. } | Self::ComposeFileMissing { .. } => Kind::NoComposeFile,
            Self::Invalid { .. }
            | Self::RequiredVariable { .. }
            | Self::UnsetVariable { .. }
            | Self::IncludeMissing { .. }
            | Self::RemoteFile { .. }
            | Self::Offline { .. }
            | Self::UndefinedService { .. } => Kind::ComposeInvalid,
            Self::EnvFileMissing { .. } => Kind::EnvFileMissing,
            Self::UnknownService { .. } => Kind::UnknownService,
            Self::Reference { .. } => Kind::ReferenceInvalid,
            Self::ContextMissing { .. } | Self::InputAbsent { .. } => Kind::ContextMissing,
            Self::DockerfileMissing { .. } => Kind::DockerfileMissing,
            Self::Unexpected { .. } => Kind::EngineFailed,
            Self::Io { source, .. } => io_kind(source),
            Self::Engine(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoComposeFile { .. } => {
                "run the command in the project's folder, or name the file with -f".into()
            }
            Self::ComposeFileMissing { .. } => {
                "correct the path given with -f or in COMPOSE_FILE".into()
            }
            Self::Invalid { .. } => {
                "correct the file and check it with: docker compose config --quiet".into()
            }
            Self::RequiredVariable {
                variable, example, ..
            } => match example {
                Some(example) => example.remedy(variable),
                None => format!("set it: {variable}=... in .env, or export {variable}=..."),
            },
            Self::UnsetVariable { unset, .. } => return unset.remedy(),
            Self::EnvFileMissing { path, .. } => format!(
                "create {} (often copied from an example beside it), or mark the entry `required: false`",
                path.display()
            ),
            Self::Offline { .. } => {
                "correct it there; docs/carried.md says what x-offline can hold, and docs/x-offline.schema.json is its schema".into()
            }
            Self::IncludeMissing { .. } => {
                "correct the path under `include`; it is relative to the file that includes".into()
            }
            Self::RemoteFile { .. } => {
                "Compose asks for it each time it reads the project, which no bundle can stand for: clone it beside the project, name the file there, and export again. Where the server is reached, empty ~/.cache/docker-compose: an attempt that failed stays there".into()
            }
            Self::UndefinedService { undefined, .. } => {
                format!("define {undefined}, or activate the profile that holds it with --profile")
            }
            Self::UnknownService { known, .. } => {
                format!("it has: {}", known.join(", "))
            }
            Self::Reference { unset, source, .. } => {
                return unset.remedy().or_else(|| source.hint());
            }
            Self::ContextMissing { .. } => {
                "correct `build.context`; it is relative to the Compose file's folder".into()
            }
            Self::InputAbsent { remedy, .. } => {
                format!("{remedy}; docker compose build refuses the build without it, too")
            }
            Self::DockerfileMissing { .. } => {
                "correct `build.dockerfile`; it is relative to the build context".into()
            }
            Self::Engine(error) => return error.hint(),
            Self::Unexpected { .. } | Self::Io { .. } => return None,
        })
    }
}
