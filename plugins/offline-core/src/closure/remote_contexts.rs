//! Build contexts and named contexts from git, and Dockerfiles that are fetched as a context:
//! what the builder fetches and a bundle carries.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::Closure;
use super::fetched::{id_of, without_credentials};
use super::inputs::{remote_kind, service_location};
use crate::dockerfile::GIT_TREE;
use crate::project::{
    BuildContext, BuildTarget, DockerfileSource, Location, NamedContext, Project, Service,
};

/// The argument by which `.git` stays in a context (`dockerui/config.go`).
pub const KEEP_GIT_DIR: &str = "BUILDKIT_CONTEXT_KEEP_GIT_DIR";

/// The file that `BuildKit` makes of a Dockerfile which is fetched as a context: it is all that
/// the context holds (`DetectHTTPContext` of `dockerui/context.go`).
pub const FETCHED_DOCKERFILE: &str = "context";

/// What Dockerfiles of such a context are laid beside: `BuildKit` reads no ignore file
/// there, and would in a folder.
const NOTHING_IGNORED: &str =
    "# Nothing: BuildKit reads no ignore file in a context that it fetches.\n";

/// A context that the builder fetches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RemoteContext {
    /// What stands for it in a bundle.
    pub id: String,
    /// Its address.
    pub url: String,
    /// The service whose build has it.
    pub service: String,
    /// The name of a named context; none for the build's own.
    pub name: Option<String>,
    /// The value of [`KEEP_GIT_DIR`], where it is set.
    pub keep_git_dir: Option<String>,
    /// The Compose file that names it.
    pub file: PathBuf,
    /// The line.
    pub line: Option<u32>,
}

impl RemoteContext {
    fn new(service: &Service, at: &Location, url: &str, name: Option<&str>) -> Self {
        let args = service.build.as_ref().map(|build| &build.args);
        let keep = args.and_then(|args| args.get(KEEP_GIT_DIR)?.clone());
        // A named context never has it (28.5).
        let keep_git_dir = keep.filter(|_| name.is_none());
        let kind = if name.is_some() { "named" } else { "context" };
        let keeps = keep_git_dir.as_deref().unwrap_or_default();
        Self {
            id: id_of(&format!("{kind}\n{url}\n{keeps}")),
            url: url.to_owned(),
            service: service.name.clone(),
            name: name.map(str::to_owned),
            keep_git_dir,
            file: at.file.clone(),
            line: at.line,
        }
    }

    /// Whether it is a git repository, and else a Dockerfile.
    pub fn is_git(&self) -> bool {
        remote_kind(&self.url) == "git-context"
    }

    /// The address without the credentials that it may hold.
    pub fn shown(&self) -> String {
        without_credentials(&self.url)
    }

    /// `file:line`.
    pub fn location(&self) -> Location {
        Location::new(&self.file, self.line)
    }
}

/// The contexts of a closure that builds fetch, as far as a bundle can carry them: git
/// repositories, and Dockerfiles. Compose builds from no archive (2.40 looks for its Dockerfile
/// on the disk), and `BuildKit` from no named context that is a file (28.5: `invalid argument`)
/// and by no other Dockerfile than the one that is fetched.
pub fn remote_contexts(project: &Project, closure: &Closure) -> Vec<RemoteContext> {
    let asked = closure.unbundled.iter();
    let asked: BTreeSet<(&str, &str)> = asked
        .map(|one| (one.service.as_str(), one.what.as_str()))
        .collect();
    let mut found = Vec::new();
    for service in &project.services {
        let Some(build) = &service.build else {
            continue;
        };
        let at = service_location(project, service);
        let is_file = matches!(build.dockerfile, DockerfileSource::File(_));
        let mut add = |url: &str, name: Option<&str>| {
            let one = RemoteContext::new(service, &at, url, name);
            let is_dockerfile = name.is_none() && is_file && !is_named_as_archive(url);
            if (one.is_git() || is_dockerfile) && asked.contains(&(service.name.as_str(), url)) {
                found.push(one);
            }
        };
        if let BuildContext::Remote(url) = &build.context {
            add(url, None);
        }
        for (name, context) in &build.additional_contexts {
            if let NamedContext::Remote(url) = context {
                add(url, Some(name));
            }
        }
    }
    found
}

/// Whether a URL ends like that of an archive.
fn is_named_as_archive(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let extension = path.rsplit(['.', '/']).next().unwrap_or_default();
    let known = [
        "tar", "gz", "tgz", "bz2", "tbz", "tbz2", "xz", "txz", "zst", "tzst", "zip",
    ];
    known.iter().any(|one| extension.eq_ignore_ascii_case(one))
}

/// Gives builds what was laid below a folder in the place of contexts that they fetch.
///
/// Gives back those that no folder can stand for, each with the reason.
pub fn give_contexts(
    project: &mut Project,
    contexts: &[RemoteContext],
    folder: &Path,
) -> io::Result<Vec<(RemoteContext, &'static str)>> {
    let mut refused = Vec::new();
    for one in contexts {
        let service = project.services.iter_mut();
        let mut service = service.filter(|service| service.name == one.service);
        let Some(build) = service.next().and_then(|s| s.build.as_mut()) else {
            continue;
        };
        let own = folder.join(&one.id);
        let tree = own.join(GIT_TREE);
        match &one.name {
            Some(_) if ignores(&tree)? => {
                let why = "its .dockerignore counts in a folder, and not in a repository";
                refused.push((one.clone(), why));
            }
            Some(name) => {
                let context = NamedContext::Directory(tree);
                build.additional_contexts.insert(name.clone(), context);
            }
            None if !one.is_git() => match give_dockerfile(build, &one.service, &own, tree)? {
                None => {}
                Some(why) => refused.push((one.clone(), why)),
            },
            None => match give_context(build, &one.service, &own, tree)? {
                None => {}
                Some(why) => refused.push((one.clone(), why)),
            },
        }
    }
    Ok(refused)
}

/// Whether a folder has patterns of what is left out of it.
fn ignores(tree: &Path) -> io::Result<bool> {
    match fs::read_to_string(tree.join(".dockerignore")) {
        Ok(text) => Ok(text
            .lines()
            .any(|line| !(line.trim().is_empty() || line.starts_with('#')))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// A Dockerfile that was fetched is all that its context holds, whatever name the project gives.
fn give_dockerfile(
    build: &mut BuildTarget,
    service: &str,
    own: &Path,
    tree: PathBuf,
) -> io::Result<Option<&'static str>> {
    let fetched = own.join(FETCHED_DOCKERFILE);
    if !fetched.is_file() {
        return Ok(Some(
            "it is an archive, and Compose looks for the Dockerfile of one on the disk",
        ));
    }
    fs::create_dir_all(&tree)?;
    let within = tree.join(FETCHED_DOCKERFILE);
    fs::copy(&fetched, &within)?;
    fs::File::open(&within)?.set_modified(fs::metadata(&fetched)?.modified()?)?;
    build.dockerfile = DockerfileSource::File(FETCHED_DOCKERFILE.into());
    give_context(build, service, own, tree)
}

/// The Dockerfile is copied beside the context, with an ignore file of its own; one within
/// the Compose file stays there where no ignore file could count.
fn give_context(
    build: &mut BuildTarget,
    service: &str,
    own: &Path,
    tree: PathBuf,
) -> io::Result<Option<&'static str>> {
    let (path, text) = match &build.dockerfile {
        DockerfileSource::Inline(_) if !ignores(&tree)? => {
            build.context = BuildContext::Directory(tree);
            return Ok(None);
        }
        DockerfileSource::Inline(text) => {
            let path = own.join("inline").join(service).join("Dockerfile");
            (path, text.clone().into_bytes())
        }
        DockerfileSource::File(name) => {
            let is_plain =
                |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
            if !name.components().all(is_plain) {
                return Ok(Some("its Dockerfile lies outside of it"));
            }
            let from = tree.join(name);
            // A link that leads out of the repository is none to follow.
            match from.canonicalize() {
                Ok(real) if real.starts_with(tree.canonicalize()?) => {
                    let text = fs::read(real)?;
                    (own.join("dockerfiles").join(name), text)
                }
                _ => return Ok(Some("it has no such Dockerfile")),
            }
        }
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&path, text)?;
    let mut ignore = path.clone().into_os_string();
    ignore.push(".dockerignore");
    fs::write(ignore, NOTHING_IGNORED)?;
    build.context = BuildContext::Directory(tree);
    build.dockerfile = DockerfileSource::File(path);
    build.inline_offset = 0;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::closure::resolve;
    use crate::project::from_config;

    #[test]
    fn a_fetched_context_is_built_from_its_folder() {
        let place = tempfile::tempdir().unwrap();
        let config = r#"{"name": "p", "services": {
            "api": {"build": {"context": "https://x.org/y.git#v1:sub", "dockerfile": "docker/D"}},
            "own": {"build": {"context": "git@x.org:y.git", "dockerfile_inline": "FROM a:1\n",
                    "additional_contexts": {"lib": "https://x.org/lib.git", "file": "https://x.org/f"}}},
            "text": {"build": {"context": "https://x.org/D?raw=1", "dockerfile": "other"}},
            "packed": {"build": {"context": "https://x.org/packed"}},
            "both": {"build": {"context": "https://x.org/D", "dockerfile_inline": "FROM c:1\n"}},
            "page": {"build": {"context": "https://x.org/y.tar.gz?raw=1"}}}}"#;
        let mut project = from_config(config, &[place.path().join("compose.yaml")]).unwrap();
        let platform = "linux/amd64".parse().unwrap();
        let closure = resolve(&project, &[], &platform).unwrap();
        let found = remote_contexts(&project, &closure);
        let of: Vec<&str> = found.iter().map(|c| c.service.as_str()).collect();
        assert_eq!(of, ["api", "own", "packed", "text"]);
        for one in found.iter().filter(|one| one.service == "text") {
            let own = place.path().join(&one.id);
            fs::create_dir_all(&own).unwrap();
            fs::write(own.join("context"), "FROM d:1\nCOPY . .\n").unwrap();
        }
        for one in found.iter().filter(|one| one.is_git()) {
            let tree = place.path().join(&one.id).join(GIT_TREE).join("docker");
            fs::create_dir_all(&tree).unwrap();
            fs::write(tree.join("D"), "FROM b:1\nCOPY . .\n").unwrap();
        }
        let refused = give_contexts(&mut project, &found, place.path()).unwrap();
        let refused: Vec<&str> = refused.iter().map(|(c, _)| c.service.as_str()).collect();
        assert_eq!(refused, ["packed"]);
        let closure = resolve(&project, &[], &platform).unwrap();
        let images = closure.images.iter();
        let images: Vec<String> = images.map(|i| i.reference.familiar()).collect();
        assert_eq!(images, ["a:1", "b:1", "c:1", "d:1"]);
        let left: Vec<&str> = closure
            .unbundled
            .iter()
            .map(|u| u.service.as_str())
            .collect();
        assert_eq!(left, ["both", "packed", "page"]);
        let build = project.service("api").unwrap().build.as_ref().unwrap();
        let DockerfileSource::File(path) = &build.dockerfile else {
            panic!("it is a file");
        };
        assert!(path.ends_with("dockerfiles/docker/D"));
        let ignore = path.with_file_name("D.dockerignore");
        assert_eq!(fs::read_to_string(ignore).unwrap(), NOTHING_IGNORED);
    }
}
