use std::path::PathBuf;

use crate::closure::Platform;
use crate::engine::StepFailure;
use crate::error::{Explain, Failure, Kind, io_kind};

/// Why an export failed where no other module's error says it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An image could not be fetched.
    #[error("an image cannot be fetched that is wanted by service {}", wanted_by.join(", "))]
    Image {
        /// The services, with `file:line` where known.
        wanted_by: Vec<String>,
        /// Why.
        source: Box<crate::registry::Error>,
    },
    /// A build failed.
    #[error("{}", failure.of_build())]
    Build {
        /// What BuildKit said.
        failure: Box<StepFailure>,
    },
    /// What a build fetches by itself could not be fetched.
    #[error("{what} cannot be fetched, which {by} of service {service} names{}: {why}", at.as_ref().map_or_else(String::new, |at| format!(" ({at})")))]
    Source {
        /// The address, without credentials.
        what: String,
        /// What names it: `the ADD` or `the build`.
        by: &'static str,
        /// The service.
        service: String,
        /// `file:line`.
        at: Option<String>,
        /// What the builder said.
        why: String,
    },
    /// A build failed when it was run once more to record what it fetches.
    #[error("what service {} fetches cannot be recorded: {}", services.join(", "), failure.of_build())]
    RecordingBuild {
        /// The services; several where their builds are the same.
        services: Vec<String>,
        /// What BuildKit said.
        failure: Box<StepFailure>,
    },
    /// The same, and the recording proxy knows why.
    #[error("{build}\n  not got:\n    {}", failures.join("\n    "))]
    RecordingStopped {
        /// The failure of the build.
        build: Box<Failure>,
        /// What could not be got, with the reasons.
        failures: Vec<String>,
    },
    /// Something that a build was given is not in the recording.
    #[error("the recording of what the builds fetch is not whole:\n    {}", lost.join("\n    "))]
    RecordingNotWhole {
        /// What is missing, with the reasons.
        lost: Vec<String>,
    },
    /// Packages could not be fetched besides what the builds ask for.
    #[error("packages could not be fetched: {}", packages.join("; "))]
    Packages {
        /// `tool package of services (file:line: reason)`.
        packages: Vec<String>,
    },
    /// The bundle is written, without the recordings of some services, or some packages.
    #[error("not recorded, all else is in the bundle: {}", services.iter().chain(packages).map(String::as_str).collect::<Vec<_>>().join(", "))]
    NotAllRecorded {
        /// `service (file:line: reason)`.
        services: Vec<String>,
        /// `tool package of services (file:line: reason)`.
        packages: Vec<String>,
    },
    /// What a request file names could not be fetched.
    #[error("what the site lacks cannot be fetched with the site's files: {failure}")]
    Fetch {
        /// Why.
        failure: Box<Failure>,
    },
    /// No proxy could be started, as was said.
    #[error("nothing was fetched, see the warning above")]
    NothingFetched,
    /// The recording proxy failed.
    #[error("what the builds fetch cannot be recorded")]
    Recorder {
        /// The cause.
        source: offline_network::Error,
    },
    /// A stage was built, but its image did not arrive.
    #[error("the engine did not hand over the image of stage {stage} of service {service}")]
    StageLost {
        /// The service.
        service: String,
        /// The stage.
        stage: String,
    },
    /// The platform cannot be read.
    #[error("{text:?} is no platform such as linux/amd64")]
    Platform {
        /// What was given.
        text: String,
    },
    /// The engine cannot run programs of that platform.
    #[error("this engine cannot run {platform} programs, which the builds need of service {}", steps.join(", "))]
    CannotEmulate {
        /// The platform.
        platform: Platform,
        /// The services, with `file:line` of their first RUN.
        steps: Vec<String>,
        /// The services that run nothing.
        others: Vec<String>,
    },
    /// The site's engine cannot use what this one makes.
    #[error("{count} steps of this project would run again on {site}, and need a network there")]
    SiteCannotBuild {
        /// How many.
        count: usize,
        /// The site's engine.
        site: String,
    },
    /// The project does something that no bundle can help with.
    #[error("{count} of the things warned of above cannot work on any site without a network")]
    CannotWorkOnSite {
        /// How many.
        count: usize,
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

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Image { source, .. } => source.kind(),
            Self::Build { failure } | Self::RecordingBuild { failure, .. }
                if failure.is_full_disk() =>
            {
                Kind::DiskFull
            }
            Self::Build { .. }
            | Self::RecordingBuild { .. }
            | Self::Packages { .. }
            | Self::Source { .. } => Kind::BuildFailed,
            Self::RecordingStopped { build: failure, .. } | Self::Fetch { failure } => {
                failure.kind()
            }
            Self::NothingFetched => Kind::ProxyUnreachable,
            Self::NotAllRecorded { .. } => Kind::RecordingPartial,
            Self::RecordingNotWhole { .. } => Kind::RegistryUnreachable,
            Self::Recorder { .. } => Kind::Io,
            Self::StageLost { .. } => Kind::EngineFailed,
            Self::Platform { .. } | Self::CannotEmulate { .. } => Kind::OtherPlatform,
            Self::SiteCannotBuild { .. } => Kind::EngineIncompatible,
            Self::CannotWorkOnSite { .. } => Kind::FindingsError,
            Self::Write { source, .. } => io_kind(source),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Image { source, .. } => return source.hint(),
            Self::Build { .. } => {
                "the project must build on this connected machine first; see it alone with: docker compose build --progress plain".into()
            }
            Self::Source { .. } => {
                "the builder has to reach it from this connected machine; see it alone with: docker compose build --progress plain".into()
            }
            Self::Packages { .. } => {
                "correct its name and version where it is asked for; without --strict the export goes on without it".into()
            }
            Self::NotAllRecorded { services, .. } if services.is_empty() => {
                "the bundle can be carried: a build on the site that asks for such a package fails, and names it. Correct its name and version where it is asked for, and give the same command again".into()
            }
            Self::NotAllRecorded { .. } => {
                "the bundle can be carried: on the site, the network steps of these services run only as long as they are cached. The same command again records them alone once more; see docs/network-recording.md where a step does not get along with a proxy".into()
            }
            Self::RecordingBuild { .. } | Self::RecordingStopped { .. } => {
                "where the ordinary build of this step works, it does not get along with a proxy (pinned certificates, its own trust store; see docs/network-recording.md); with --no-record the export goes without a recording".into()
            }
            Self::RecordingNotWhole { .. } => {
                "run the same command again when the server answers well; with --no-record the export goes without a recording".into()
            }
            Self::Recorder { .. } => "with --no-record the export goes without a recording".into(),
            Self::Fetch { failure } if failure.kind() == Kind::BuildFailed => {
                "the step fails on this connected machine too: mend it on the site and write the request file again, or make the same edit here and see it with: docker compose build --progress plain".into()
            }
            Self::Fetch { failure } if failure.kind() == Kind::RegistryUnreachable => {
                "run the same command again when the server answers well".into()
            }
            Self::Fetch { failure } => return failure.hint().map(str::to_owned),
            Self::NothingFetched => "do what is said there; or make the same edit in this project and export again".into(),
            Self::StageLost { .. } => "run the same command again; if it stays so: docker buildx prune, then again".into(),
            Self::Platform { .. } => "name it as os/architecture, e.g. --platform linux/arm64".into(),
            Self::CannotEmulate { platform, others, .. } => {
                let mut hint = format!(
                    "let the kernel emulate it: install the packages qemu-user-static and binfmt-support on the engine's host (or run the image tonistiigi/binfmt with --install {}), until docker buildx inspect lists {platform}; or export on a {platform} machine",
                    platform.architecture
                );
                if !others.is_empty() {
                    hint += &format!(
                        ". What runs nothing here goes without: docker offline export {} --platform {platform}",
                        others.join(" ")
                    );
                }
                hint
            }
            Self::SiteCannotBuild { .. } => {
                "see the warnings above for each step; --force exports all the same".into()
            }
            Self::CannotWorkOnSite { .. } => {
                "do what is said there; --force exports all the same".into()
            }
            Self::Write { .. } => "free space or choose another folder with --cache-dir and --archive, then run the same command again: it goes on where it was".into(),
        })
    }
}
