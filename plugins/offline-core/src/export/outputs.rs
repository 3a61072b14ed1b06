use std::path::{Path, PathBuf};

use super::{ArchiveChoice, ExportOptions};
use crate::bundle::{Error, beside, swallows};
use crate::closure::Closure;
use crate::project::Project;

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

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
