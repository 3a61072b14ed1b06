use std::path::{Component, Path, PathBuf};

use super::Error;
use crate::closure::{BuildClosure, Closure};
use crate::project::BuildContext;

/// The folder beside the project's own that takes what must not lie in it.
pub(crate) fn beside(directory: &Path) -> PathBuf {
    beside_ancestor(directory, directory)
}

/// That folder, and those of the same kind around the folders that the project lies in.
pub(crate) fn all_beside(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let around = directory.ancestors().filter(|a| a.file_name().is_some());
    around.map(|ancestor| beside_ancestor(ancestor, directory))
}

/// Named after the whole way to the project: a repository may hold several.
fn beside_ancestor(ancestor: &Path, directory: &Path) -> PathBuf {
    let around = ancestor.parent().unwrap_or(ancestor);
    let way = directory.strip_prefix(around).unwrap_or(directory);
    let names = way.components().map(|c| c.as_os_str().to_string_lossy());
    let names: Vec<_> = names.collect();
    around.join(format!("{}-offline", names.join("-")))
}

/// The nearest place for files of these names that no build takes into an image: the
/// project's folder, or the one beside it, or beside the repository that is its context.
/// Where there is none, the build that takes them from the project's folder.
pub(crate) fn outside(
    closure: &Closure,
    directory: &Path,
    names: &[&str],
) -> Result<PathBuf, Error> {
    let taken = |place: &Path| {
        let mut names = names.iter();
        names.find_map(|name| swallows(closure, &place.join(name)))
    };
    let Some(reason) = taken(directory) else {
        return Ok(directory.to_owned());
    };
    let mut beside = all_beside(directory);
    beside.find(|place| taken(place).is_none()).ok_or(reason)
}

/// Which build would take `path` into an image, if any.
pub(crate) fn swallows(closure: &Closure, path: &Path) -> Option<Error> {
    closure.services.iter().find_map(|service| {
        let build = service.build.as_ref()?;
        let BuildContext::Directory(context) = &build.context else {
            return None;
        };
        let relative = path.strip_prefix(context).ok()?;
        let line = copying_line(build, relative)?;
        if is_ignored(context, build, relative) {
            return None;
        }
        Some(Error::InContext {
            path: path.to_owned(),
            service: service.name.clone(),
            context: context.clone(),
            copy: format!("{}:{line}", build.dockerfile_path.display()),
        })
    })
}

/// The line of a COPY that takes the first part of `relative`.
fn copying_line(build: &BuildClosure, relative: &Path) -> Option<u32> {
    let first = relative
        .components()
        .next()?
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    let copies = build.stages.iter().flat_map(|stage| &stage.copies);
    copies
        .filter(|copy| copy.sources.iter().any(|source| takes(source, &first)))
        .map(|copy| copy.line)
        .next()
}

fn takes(source: &str, first: &str) -> bool {
    let mut parts = Path::new(source)
        .components()
        .filter(|c| !matches!(c, Component::CurDir | Component::RootDir));
    match parts.next() {
        None => true,
        // A pattern may or may not take it; the careful answer is yes.
        Some(part) => {
            let part = part.as_os_str().to_string_lossy();
            part == first || part.contains(['*', '?', '['])
        }
    }
}

fn is_ignored(context: &Path, build: &BuildClosure, relative: &Path) -> bool {
    super::ignore_rules(context, Some(&build.dockerfile_path))
        .is_ok_and(|rules| rules.excludes(&relative.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_all_takes_the_bundle_and_a_copy_of_one_folder_does_not() {
        for (source, expected) in [
            (".", true),
            ("./", true),
            ("/", true),
            ("*", true),
            ("src", false),
            ("./src", false),
            ("build-cache/x", true),
        ] {
            assert_eq!(takes(source, "build-cache"), expected, "{source}");
        }
    }

    #[test]
    fn a_repository_that_is_the_context_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let repo = folder.path().join("repo");
        let project = repo.join("deploy/site");
        std::fs::create_dir_all(&project).unwrap();
        let build = serde_json::json!({"context": repo, "dockerfile_inline": "FROM a\nCOPY . .\n"});
        let config = serde_json::json!({"name": "p", "services": {"a": {"build": build}}});
        let files = [project.join("compose.yaml")];
        let project_read = crate::project::from_config(&config.to_string(), &files).unwrap();
        let platform = "linux/amd64".parse().unwrap();
        let closure = crate::closure::resolve(&project_read, &[], &platform).unwrap();
        let place = |names: &[&str]| outside(&closure, &project, names).ok();
        assert_eq!(
            place(&["build-cache"]),
            Some(folder.path().join("repo-deploy-site-offline"))
        );
        std::fs::write(repo.join(".dockerignore"), "**/build-cache*\n").unwrap();
        assert_eq!(place(&["build-cache"]), Some(project.clone()));
    }

    #[test]
    fn the_place_beside_is_named_after_the_project() {
        assert_eq!(
            beside(Path::new("/srv/shop")),
            Path::new("/srv/shop-offline")
        );
    }
}
