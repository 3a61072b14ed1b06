use std::fs;
use std::path::{Path, PathBuf};

use super::{Error, Record, read_record};

/// The bundle folder's usual name, and the start of its archives' names.
pub const DEFAULT_NAME: &str = "build-cache";

/// Where a bundle is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Located {
    /// A bundle folder.
    Directory(PathBuf),
    /// An archive that must be unpacked first.
    Archive(PathBuf),
}

/// Finds the bundle of a project.
///
/// `explicit` may be a folder or an archive. Without it, the folder
/// `build-cache`, then the newest `build-cache*.tar.zst`, `.tar.gz` or `.tar`
/// are looked for in the project folder, then in `../<project>-offline`. A
/// folder wins over an archive beside it unless the archive is another, later
/// export.
pub fn locate(explicit: Option<&Path>, project: &Path) -> Result<Located, Error> {
    if let Some(path) = explicit {
        return explicitly(path);
    }
    let mut places = vec![project.to_owned()];
    let absolute = project
        .canonicalize()
        .unwrap_or_else(|_| project.to_owned());
    if let (Some(parent), Some(name)) = (absolute.parent(), absolute.file_name()) {
        places.push(parent.join(format!("{}-offline", name.to_string_lossy())));
    }
    let mut looked = Vec::new();
    for place in places {
        if let Some(found) = within(&place)? {
            return Ok(found);
        }
        looked.push(place.join(DEFAULT_NAME).display().to_string());
        let pattern = format!("{DEFAULT_NAME}*.tar.{{zst,gz}}");
        looked.push(place.join(pattern).display().to_string());
    }
    Err(Error::NotFound { looked })
}

fn explicitly(path: &Path) -> Result<Located, Error> {
    let metadata = fs::metadata(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::NotFound {
            looked: vec![path.display().to_string()],
        },
        _ => Error::io("read", path)(e),
    })?;
    if metadata.is_dir() {
        if is_bundle(path) {
            return Ok(Located::Directory(path.to_owned()));
        }
        // The folder that was carried, with the archive in it.
        return within(path)?.ok_or_else(|| Error::NotABundle {
            path: path.to_owned(),
            why: "it holds neither bundle.json nor an archive".into(),
        });
    }
    Ok(Located::Archive(path.to_owned()))
}

fn within(place: &Path) -> Result<Option<Located>, Error> {
    let folder = place.join(DEFAULT_NAME);
    let archive = newest_archive(place);
    if !is_bundle(&folder) {
        return Ok(archive.map(|(path, _)| Located::Archive(path)));
    }
    let held = Record::read(&folder)?;
    Ok(Some(match archive {
        Some((path, Some(record))) if record != held && later(&record, &held) => {
            Located::Archive(path)
        }
        _ => Located::Directory(folder),
    }))
}

fn is_bundle(folder: &Path) -> bool {
    folder.join(super::RECORD_FILE).is_file()
}

/// The archive of the latest export. One that cannot be read comes last, but is
/// still found: its own error says more than "no bundle".
fn newest_archive(place: &Path) -> Option<(PathBuf, Option<Record>)> {
    let mut newest: Option<(PathBuf, Option<Record>)> = None;
    let mut paths: Vec<PathBuf> = fs::read_dir(place)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(DEFAULT_NAME)
                && super::Compression::of_name(path).is_ok()
                && path.is_file()
        })
        .collect();
    paths.sort();
    for path in paths {
        let record = read_record(&path).ok();
        let better = match (&newest, &record) {
            (None, _) | (Some((_, None)), _) => true,
            (Some((_, Some(best))), Some(record)) => !later(best, record),
            _ => false,
        };
        if better {
            newest = Some((path, record));
        }
    }
    newest
}

/// Whether `a` was exported after `b`; times that cannot be read are long ago.
fn later(a: &Record, b: &Record) -> bool {
    let time = |record: &Record| record.created.parse::<jiff::Timestamp>().ok();
    time(a) > time(b)
}
