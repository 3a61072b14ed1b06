use std::path::{Component, Path, PathBuf};

use super::Error;
use crate::closure::{BuildClosure, Closure};
use crate::project::BuildContext;

/// The folder beside the project's own that takes what must not lie in it.
pub(crate) fn beside(directory: &Path) -> PathBuf {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    directory.with_file_name(format!("{name}-offline"))
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
    fn the_place_beside_is_named_after_the_project() {
        assert_eq!(
            beside(Path::new("/srv/shop")),
            Path::new("/srv/shop-offline")
        );
    }
}
