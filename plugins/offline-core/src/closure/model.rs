use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{FetchedSource, RemoteContext};
use crate::dockerfile::RemoteSource;
use crate::project::{BuildContext, DockerfileSource, HiddenService, Location};
use crate::reference::ImageReference;

/// What the chosen services need, without duplicates, in a stable order.
#[derive(Debug, Clone, Default)]
pub struct Closure {
    /// The services, by name; with those that the chosen ones build upon.
    pub services: Vec<ServiceClosure>,
    /// Images that come from a registry, by reference and platform.
    pub images: Vec<NeededImage>,
    /// What a build fetches that is not an image.
    pub unbundled: Vec<Unbundled>,
    /// What ADD fetches and a bundle carries.
    pub fetched: Vec<FetchedSource>,
    /// Contexts that an export fetches and carries, where nothing has fetched them yet.
    pub contexts: Vec<RemoteContext>,
    /// Services that no active profile enables.
    pub hidden: Vec<HiddenService>,
}

/// What one service needs.
#[derive(Debug, Clone)]
pub struct ServiceClosure {
    /// The service's name.
    pub name: String,
    /// The image it runs, normalised; empty for services that run none.
    pub image: String,
    /// How it is built, if it is.
    pub build: Option<BuildClosure>,
}

/// The build of one service.
#[derive(Debug, Clone)]
pub struct BuildClosure {
    /// The context, as Compose resolved it.
    pub context: BuildContext,
    /// Where the Dockerfile comes from.
    pub dockerfile: DockerfileSource,
    /// The file to name in messages: the Dockerfile, or the Compose file that
    /// holds it.
    pub dockerfile_path: PathBuf,
    /// How many lines of that file come before the Dockerfile's first one.
    pub line_offset: u32,
    /// The target as named by Compose.
    pub target: Option<String>,
    /// The platform of the image, e.g. `linux/amd64`.
    pub platform: String,
    /// The reachable stages, in the order of the file; none where the context
    /// is remote, as its Dockerfile is not at hand.
    pub stages: Vec<StageClosure>,
    /// The number in the file of the stage that is the target.
    pub target_stage: usize,
    /// The Dockerfile with a name for every stage, and with what ADD fetches read from
    /// the context of what was fetched; lines as in the original.
    pub named_dockerfile: String,
    /// Lines and keywords of instructions that only the frontend of `# syntax`
    /// knows.
    pub not_understood: Vec<(u32, String)>,
    /// The frontend image that `# syntax` (or `BUILDKIT_SYNTAX`) names.
    pub syntax: Option<ImageReference>,
}

/// One stage that a build runs.
#[derive(Debug, Clone)]
pub struct StageClosure {
    /// Its number in the file, from 0.
    pub index: usize,
    /// Its name in [`BuildClosure::named_dockerfile`].
    pub name: String,
    /// The line of its FROM.
    pub line: u32,
    /// What it starts from.
    pub base: StageBase,
    /// Whether a named context takes its place: none of its instructions runs, and
    /// there is nothing to cache.
    pub replaced: bool,
    /// The platform it runs on, e.g. `linux/amd64`.
    pub platform: String,
    /// Stages of the same file it uses (FROM, COPY --from, RUN --mount).
    pub depends_on: Vec<usize>,
    /// Services of the project whose image it uses.
    pub sibling_services: BTreeSet<String>,
    /// Images from a registry that it uses itself.
    pub images: Vec<ImageReference>,
    /// Its RUN steps.
    pub runs: Vec<RunStep>,
    /// The lines of `COPY --link` and `ADD --link`.
    pub copy_links: Vec<u32>,
    /// What it copies from the build context.
    pub copies: Vec<CopyStep>,
    /// The lines of ADDs that fetch, and what they fetch.
    pub remote_adds: Vec<(u32, RemoteSource)>,
    /// Where it uses a named context, and the name.
    pub named_contexts: Vec<(u32, String)>,
    /// All instructions that cache keys are made of, FROM first.
    pub steps: Vec<KeyStep>,
}

/// An instruction that cache keys are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStep {
    /// Its line.
    pub line: u32,
    /// Its keyword: FROM, ARG, ENV, WORKDIR, USER, SHELL, RUN, COPY or ADD.
    pub keyword: &'static str,
    /// What it says, with ARGs as the build has them; equal texts give equal
    /// keys as long as what they read is equal.
    pub text: String,
    /// What it reads of the build context: sources of COPY and ADD, and of
    /// `RUN --mount=type=bind`.
    pub sources: Vec<String>,
    /// The stages of the same file whose files it takes.
    pub stages: Vec<usize>,
    /// A program in it that usually needs the network.
    pub network_tool: Option<&'static str>,
}

/// What a stage starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageBase {
    /// An earlier stage of the same file.
    Stage(usize),
    /// An image from a registry.
    Image(ImageReference),
    /// The image of another service of the project.
    SiblingService(String),
    /// A named context that is no image.
    Context(String),
    /// Nothing.
    Scratch,
}

/// A RUN step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStep {
    /// Its line.
    pub line: u32,
    /// Its command, on one line, at most 120 characters.
    pub command: String,
    /// The types of its mounts (`cache`, `bind`, ...).
    pub mounts: Vec<String>,
    /// A program in it that usually needs the network.
    pub network_tool: Option<&'static str>,
}

/// A COPY or ADD from the build context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyStep {
    /// Its line.
    pub line: u32,
    /// Its sources, with ARGs expanded.
    pub sources: Vec<String>,
    /// Whether BuildKit hashes a list of files for it and not one file or folder: a
    /// source with `*`, `?` or `[`, `--exclude` or `--parents`
    /// (`HasWildcardOrFilters` of `solver/llbsolver/ops/opsutils/contenthash.go`).
    pub by_pattern: bool,
}

/// An image that comes from a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededImage {
    /// The normalised reference.
    pub reference: ImageReference,
    /// The platform asked for, e.g. `linux/amd64`.
    pub platform: String,
    /// What it is used for.
    pub roles: BTreeSet<Role>,
    /// The services that use it.
    pub services: BTreeSet<String>,
}

impl NeededImage {
    /// What it is for, and whose: `base of api, web`, or what alone where the whole
    /// project wants it.
    pub fn wanted_as(&self) -> String {
        let roles: Vec<&str> = self.roles.iter().map(|r| r.as_str()).collect();
        let services: Vec<&str> = self.services.iter().map(String::as_str).collect();
        let (roles, services) = (roles.join(", "), services.join(", "));
        if services.is_empty() {
            roles
        } else {
            format!("{roles} of {services}")
        }
    }
}

/// What an image is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// `FROM`.
    Base,
    /// `# syntax`.
    Frontend,
    /// `COPY --from`.
    CopyFrom,
    /// `RUN --mount=from`.
    MountFrom,
    /// `additional_contexts`.
    Context,
    /// A service runs it, or mounts it as a volume.
    Service,
    /// `x-offline` names it.
    Named,
}

impl Role {
    /// The same in Chinese.
    pub fn chinese(self) -> &'static str {
        match self {
            Self::Base => "基础镜像",
            Self::Frontend => "前端",
            Self::CopyFrom => "COPY --from",
            Self::MountFrom => "RUN --mount from",
            Self::Context => "命名上下文",
            Self::Service => "运行镜像",
            Self::Named => "指定镜像",
        }
    }

    /// The word used in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Frontend => "frontend",
            Self::CopyFrom => "copy-from",
            Self::MountFrom => "mount-from",
            Self::Context => "context",
            Self::Service => "service",
            Self::Named => "named",
        }
    }
}

/// Something a build fetches that is not an image, so a bundle cannot carry it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Unbundled {
    /// `add-url`, `add-git`, `git-context`, `remote-context`; and what is asked for
    /// when a container starts: `start-command`, `start-script`, `start-python`,
    /// `model`, `provider`.
    pub kind: &'static str,
    /// The address.
    pub what: String,
    /// The service whose build fetches it.
    pub service: String,
    /// The file that names it.
    pub file: PathBuf,
    /// The line, where known.
    pub line: Option<u32>,
}

impl Unbundled {
    /// Whether a container asks for it when it starts, and no build.
    pub fn is_at_start(&self) -> bool {
        super::AT_START.contains(&self.kind)
    }
}

/// A stage of a service's build.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StageRef {
    /// The service's name.
    pub service: String,
    /// The stage's number in its file.
    pub stage: usize,
}

impl Closure {
    /// The service of this name.
    pub fn service(&self, name: &str) -> Option<&ServiceClosure> {
        self.services.iter().find(|s| s.name == name)
    }
}

impl BuildClosure {
    /// A line of the Dockerfile, for messages.
    pub fn location(&self, line: u32) -> Location {
        Location::new(&self.dockerfile_path, Some(line + self.line_offset))
    }

    /// Whether a reachable stage uses a named context.
    pub fn uses_context(&self, name: &str) -> bool {
        let used = self.stages.iter().flat_map(|s| &s.named_contexts);
        used.into_iter()
            .any(|(_, used)| super::contexts::is_same(used, name))
    }

    /// The stage with this number in the file, if it is reachable.
    pub fn stage(&self, index: usize) -> Option<&StageClosure> {
        self.stages.iter().find(|s| s.index == index)
    }
}
