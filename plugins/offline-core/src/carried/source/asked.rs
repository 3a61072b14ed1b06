//! What builds and Compose read of the project's folder, whatever git ignores.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::bundle::{Error, walk_context};
use crate::closure::{BuildClosure, Closure};
use crate::project::{
    BuildContext, DockerfileSource, Location, MountSource, NamedContext, Project, ProjectOptions,
    existing_dockerfile, named_files, plain,
};

/// A folder that a build reads.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) service: String,
    pub(super) folder: PathBuf,
    pub(super) location: Option<Location>,
    /// The Dockerfile whose ignore file may count.
    dockerfile: Option<PathBuf>,
    /// What steps name of it; `None` where all of it may be read.
    sources: Option<Vec<String>>,
}

/// What is read.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) contexts: Vec<Context>,
    /// Single files.
    pub(super) files: BTreeSet<PathBuf>,
    /// Files of secrets, which are of those who export.
    pub(super) secrets: BTreeSet<PathBuf>,
}

impl Asked {
    pub(super) fn of(project: &Project, closure: &Closure, options: &ProjectOptions) -> Self {
        let named = named_files(options, project);
        let mut asked = Self {
            contexts: Vec::new(),
            files: named.read,
            secrets: named.secrets,
        };
        for service in &closure.services {
            if let Some(build) = &service.build {
                asked.build(project, &service.name, build);
            }
        }
        let mounts = project.offline.mounts.iter();
        let mounts = mounts.filter(|mount| closure.service(&mount.service).is_some());
        asked.files.extend(mounts.filter_map(|mount| {
            let MountSource::Bind(path) = &mount.source else {
                return None;
            };
            path.is_file().then(|| path.clone())
        }));
        asked
    }

    fn build(&mut self, project: &Project, service: &str, build: &BuildClosure) {
        let written = project.service(service).and_then(|s| s.build.as_ref());
        let location = written.and_then(|target| target.location.clone());
        let mut context = |folder: &Path, dockerfile, sources| {
            self.contexts.push(Context {
                service: service.to_owned(),
                folder: plain(folder),
                location: location.clone(),
                dockerfile,
                sources,
            });
        };
        let file = match &build.dockerfile {
            DockerfileSource::File(path) => existing_dockerfile(path),
            DockerfileSource::Inline(_) => None,
        };
        if let BuildContext::Directory(folder) = &build.context {
            context(
                folder,
                Some(build.dockerfile_path.clone()),
                sources(build, folder),
            );
            self.files.insert(folder.join(".dockerignore"));
        }
        if let Some(file) = file {
            let mut ignored = file.clone().into_os_string();
            ignored.push(".dockerignore");
            self.files
                .extend([plain(&file), plain(Path::new(&ignored))]);
        }
        let Some(written) = written else {
            return;
        };
        for named in written.additional_contexts.values() {
            match named {
                NamedContext::Directory(folder) => {
                    self.contexts.push(whole(service, folder, location.clone()));
                }
                NamedContext::OciLayout(text) => {
                    let path = text.split(['@', ':']).next().unwrap_or_default();
                    let folder = project.directory.join(path);
                    self.contexts
                        .push(whole(service, &folder, location.clone()));
                }
                NamedContext::Image(_) | NamedContext::Service(_) | NamedContext::Remote(_) => {}
            }
        }
    }
}

fn whole(service: &str, folder: &Path, location: Option<Location>) -> Context {
    Context {
        service: service.to_owned(),
        folder: plain(folder),
        location,
        dockerfile: None,
        sources: None,
    }
}

/// What the steps of a build name of its context; all of it where that cannot be seen.
fn sources(build: &BuildClosure, folder: &Path) -> Option<Vec<String>> {
    if !build.not_understood.is_empty() || build.stages.is_empty() {
        return None;
    }
    let steps = build.stages.iter().flat_map(|stage| &stage.steps);
    let mut all: Vec<String> = steps.flat_map(|step| step.sources.clone()).collect();
    // BuildKit follows links in what is named, and takes what they lead to.
    let led_to: Vec<String> = all
        .iter()
        .filter_map(|source| {
            let real = folder.join(source.trim_start_matches('/')).canonicalize();
            let inside = real
                .ok()?
                .strip_prefix(folder.canonicalize().ok()?)
                .ok()?
                .to_owned();
            Some(inside.to_string_lossy().into_owned())
        })
        .collect();
    all.extend(led_to);
    Some(all)
}

impl Context {
    /// Calls `take` with each path that builds may read.
    pub(super) fn each(&self, take: &mut dyn FnMut(&Path)) -> Result<(), Error> {
        if !self.folder.is_dir() {
            return Ok(());
        }
        walk_context(
            &self.folder,
            self.dockerfile.as_deref(),
            &mut |below, path, _| {
                let wanted = self.sources.as_ref().is_none_or(|sources| {
                    let below = Path::new(below);
                    sources.iter().any(|source| takes(source, below))
                });
                if wanted {
                    take(path);
                }
                Ok(())
            },
        )
    }
}

/// Whether a source of COPY may take a path: what a pattern takes is not looked at closely.
fn takes(source: &str, path: &Path) -> bool {
    let mut parts = path.components();
    for wanted in Path::new(source).components() {
        let Component::Normal(wanted) = wanted else {
            continue;
        };
        let wanted = wanted.to_string_lossy();
        if wanted.contains(['*', '?', '[', '\\', '$']) {
            return true;
        }
        match parts.next() {
            Some(part) if part.as_os_str().to_string_lossy() == wanted => {}
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_takes_what_lies_in_it() {
        for (source, path, expected) in [
            (".", "node_modules/a", true),
            ("/", "a", true),
            ("./web/dist", "web/dist/app.js", true),
            ("web/dist", "web/node_modules/a", false),
            ("web/*.js", "web/a", true),
            ("web/*.js", "api/a.js", false),
            ("web", "web", true),
            ("web", "website", false),
        ] {
            assert_eq!(takes(source, Path::new(path)), expected, "{source} {path}");
        }
    }
}
