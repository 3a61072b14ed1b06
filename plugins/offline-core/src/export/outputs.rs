use std::path::{Path, PathBuf};

use super::{ArchiveChoice, ExportOptions};
use crate::bundle::{Error, outside, swallows};
use crate::closure::Closure;
use crate::project::Project;

/// Where an export writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outputs {
    /// The bundle folder.
    pub cache_dir: PathBuf,
    /// The archive, if one is written.
    pub archive: Option<PathBuf>,
    /// Set when the default place was not used: `file:line` of the COPY that would have
    /// taken the bundle into an image.
    pub moved_for: Option<String>,
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
    let chosen = |path: &Path| match swallows(closure, path) {
        Some(error) => Err(error),
        None => Ok(path.to_owned()),
    };
    let names = ["build-cache", dated.as_str()];
    let cache_dir = match &options.cache_dir {
        Some(path) => chosen(&absolute(path))?,
        None => outside(closure, &project.directory, &names)?.join("build-cache"),
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
        ArchiveChoice::Dated => Some(cache_dir.with_file_name(&dated)),
    };
    let stayed = options.cache_dir.is_some() || cache_dir.parent() == Some(&project.directory);
    let mut usual = names.iter().map(|name| project.directory.join(name));
    let mut reason = || match usual.find_map(|path| swallows(closure, &path))? {
        Error::InContext { copy, .. } => Some(copy),
        _ => None,
    };
    Ok(Outputs {
        cache_dir,
        archive,
        moved_for: if stayed { None } else { reason() },
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
    let home = outside(closure, &project.directory, &[&name])?;
    Ok(home.join(name))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
