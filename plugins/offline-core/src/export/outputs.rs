use std::path::{Component, Path, PathBuf};

use super::{ArchiveChoice, Error, ExportOptions};
use crate::closure::{BuildClosure, Closure};
use crate::project::{BuildContext, Project};

/// Where an export writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outputs {
    /// The bundle folder.
    pub cache_dir: PathBuf,
    /// The archive, if one is written.
    pub archive: Option<PathBuf>,
    /// Set when the default place was not used: what would have been.
    pub moved_out_of: Option<PathBuf>,
}

/// Chooses the places.
///
/// A bundle within a build context would be copied into images by `COPY . .`,
/// and change that step's key with every export. The default place then moves
/// beside the project folder; a place that the user chose is refused.
pub(super) fn choose(
    project: &Project,
    closure: &Closure,
    options: &ExportOptions,
) -> Result<Outputs, Error> {
    let date = jiff::Zoned::now().strftime("%Y%m%d").to_string();
    let dated = format!("build-cache-{date}.tar.zst");
    let default_cache = project.directory.join("build-cache");
    let default_archive = project.directory.join(&dated);
    let swallowed =
        swallows(closure, &default_cache).or_else(|| swallows(closure, &default_archive));
    let home = match &swallowed {
        Some(_) => beside(&project.directory),
        None => project.directory.clone(),
    };
    let chosen = |path: &Path| match swallows(closure, path) {
        Some(error) => Err(error),
        None => Ok(path.to_owned()),
    };
    let cache_dir = match &options.cache_dir {
        Some(path) => chosen(&absolute(path))?,
        None => home.join("build-cache"),
    };
    let archive = match &options.archive {
        ArchiveChoice::None => None,
        ArchiveChoice::File(path) => Some(chosen(&absolute(path))?),
        // Beside a folder of the user's own, and of its name: whoever chose
        // another disk for the one has no room for the other elsewhere.
        ArchiveChoice::Dated if options.cache_dir.is_some() => {
            let mut name = cache_dir.file_name().unwrap_or_default().to_owned();
            name.push(format!("-{date}.tar.zst"));
            Some(chosen(&cache_dir.with_file_name(name))?)
        }
        ArchiveChoice::Dated => Some(home.join(dated)),
    };
    let used_home = options.cache_dir.is_none();
    Ok(Outputs {
        cache_dir,
        archive,
        moved_out_of: (swallowed.is_some() && used_home).then(|| project.directory.clone()),
    })
}

/// The place of an archive that adds to a bundle: `--archive`, or where the bundle's
/// archives are, with the time in its name.
pub(super) fn addition(
    project: &Project,
    closure: &Closure,
    options: &ExportOptions,
) -> Result<PathBuf, Error> {
    if let ArchiveChoice::File(path) = &options.archive {
        let path = absolute(path);
        return swallows(closure, &path).map_or(Ok(path), Err);
    }
    let time = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S").to_string();
    if let Some(folder) = &options.cache_dir {
        let folder = absolute(folder);
        let mut name = folder.file_name().unwrap_or_default().to_owned();
        name.push(format!("-add-{time}.tar.zst"));
        let path = folder.with_file_name(name);
        return swallows(closure, &path).map_or(Ok(path), Err);
    }
    let name = format!("build-cache-add-{time}.tar.zst");
    let usual = project.directory.join(&name);
    Ok(match swallows(closure, &usual) {
        Some(_) => beside(&project.directory).join(name),
        None => usual,
    })
}

/// The folder beside the project's own that takes what must not lie in it.
pub(crate) fn beside(directory: &Path) -> PathBuf {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    directory.with_file_name(format!("{name}-offline"))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
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
    crate::bundle::ignore_rules(context, Some(&build.dockerfile_path))
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
