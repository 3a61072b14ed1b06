use std::fs;
use std::path::{Path, PathBuf};

use super::parts::{Parts, part_of};
use super::place::all_beside;
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
/// are looked for in the project folder, then in `../<project>-offline` and
/// beside the folders around it. A folder wins over an archive beside it unless
/// the archive is another, later export. Before them all, `cache_dir` is looked
/// at, a bundle folder of the user's own, with what lies beside it and in it.
pub fn locate(
    explicit: Option<&Path>,
    cache_dir: Option<&Path>,
    project: &Path,
) -> Result<Located, Error> {
    if let Some(path) = explicit {
        return explicitly(path);
    }
    let mut looked = Vec::new();
    if let Some(folder) = cache_dir {
        let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        // Others may keep theirs there too: an archive is told by its name.
        let beside = either(
            &whole,
            newest_archive(&whole.with_file_name(""), &name_of(&whole)),
        )?;
        if let Some(found) = beside.map_or_else(|| within(&whole), |found| Ok(Some(found)))? {
            return Ok(found);
        }
        looked.push(whole.display().to_string());
    }
    for place in usual_places(project) {
        if let Some(found) = within(&place)? {
            return Ok(found);
        }
        looked.push(place.join(DEFAULT_NAME).display().to_string());
        let pattern = format!("{DEFAULT_NAME}*.tar.{{zst,gz}}");
        looked.push(place.join(pattern).display().to_string());
    }
    Err(Error::NotFound { looked })
}

/// The same for what may be an archive that only adds to a bundle: gives the bundle,
/// and the archive with its record.
pub fn locate_both(
    explicit: Option<&Path>,
    cache_dir: Option<&Path>,
    project: &Path,
) -> Result<(Located, Option<(PathBuf, Record)>), Error> {
    let named = explicit.filter(|path| path.is_file());
    let record = named.map(read_record).transpose()?;
    let addition = record.filter(|r| r.adds_to.is_some());
    let (Some(path), Some(record)) = (named, addition) else {
        return Ok((locate(explicit, cache_dir, project)?, None));
    };
    let located = locate(None, cache_dir, project).map_err(|error| match error {
        Error::NotFound { .. } => Error::NothingToAddTo {
            path: path.to_owned(),
            made_for: record.adds_to.clone().unwrap_or_default().created,
        },
        other => other,
    })?;
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    Ok((located, Some((path, record))))
}

/// The project folder, the one beside it for what must not lie in it, and those beside the
/// folders that it lies in, where there are any: a repository may be the build context.
fn usual_places(project: &Path) -> Vec<PathBuf> {
    let absolute = project
        .canonicalize()
        .unwrap_or_else(|_| project.to_owned());
    let mut beside = all_beside(&absolute);
    let mut places = vec![project.to_owned()];
    places.extend(beside.next());
    places.extend(beside.filter(|place| place.is_dir()));
    places
}

/// The archives that add to the bundle with this record and are not in it yet, the
/// oldest first: looked for where [`locate`] looks for archives, and beside
/// `bundle`, the folder or archive that it is in.
pub fn additions(
    bundle: &Path,
    cache_dir: Option<&Path>,
    project: &Path,
    record: &Record,
) -> Vec<PathBuf> {
    let bundle = std::path::absolute(bundle).unwrap_or_else(|_| bundle.to_owned());
    let mut names = vec![(bundle.with_file_name(""), DEFAULT_NAME.to_owned())];
    if let Some(folder) = cache_dir {
        let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        names.push((whole.with_file_name(""), name_of(&whole)));
        names.push((whole, DEFAULT_NAME.to_owned()));
    }
    let usual = usual_places(project).into_iter();
    names.extend(usual.map(|place| (place, DEFAULT_NAME.to_owned())));
    let mut found: Vec<(PathBuf, Record)> = Vec::new();
    for (place, prefix) in names {
        let place = place.canonicalize().unwrap_or(place);
        for path in archives(&place, &prefix) {
            let Ok(addition) = read_record(&path) else {
                continue;
            };
            let fits = addition
                .adds_to
                .as_ref()
                .is_some_and(|to| to.project == record.project && to.created == record.created);
            let held = |new: &super::NetworkRecord| {
                let mut own = record.network.iter();
                own.any(|n| n.manifest.digest == new.manifest.digest)
            };
            let known = addition.network.iter().all(held);
            if fits && !known && !found.iter().any(|(other, _)| *other == path) {
                found.push((path, addition));
            }
        }
    }
    found.sort_by(|(_, a), (_, b)| a.created.cmp(&b.created));
    found.into_iter().map(|(path, _)| path).collect()
}

fn explicitly(path: &Path) -> Result<Located, Error> {
    if let Some((archive, _)) = part_of(path).filter(|_| path.is_file()) {
        return Ok(Located::Archive(archive));
    }
    if Parts::of(path).is_some() {
        return Ok(Located::Archive(path.to_owned()));
    }
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
        let found = within(path)?.or_else(|| parts_within(path));
        return found.ok_or_else(|| Error::NotABundle {
            path: path.to_owned(),
            why: "it holds neither bundle.json nor an archive".into(),
        });
    }
    Ok(Located::Archive(path.to_owned()))
}

fn within(place: &Path) -> Result<Option<Located>, Error> {
    either(
        &place.join(DEFAULT_NAME),
        newest_archive(place, DEFAULT_NAME),
    )
}

/// Parts in the folders of a folder, as copies of several media lie there.
fn parts_within(path: &Path) -> Option<Located> {
    let folders = fs::read_dir(path).into_iter().flatten().flatten();
    let folders = folders.map(|entry| entry.path()).filter(|p| p.is_dir());
    let found = folders.flat_map(|folder| archives(&folder, DEFAULT_NAME));
    let names = found.filter(|archive| !archive.exists());
    let archive = names.filter_map(|archive| Some(path.join(archive.file_name()?)));
    // Of several, the name of the last day.
    archive.max().map(Located::Archive)
}

fn name_of(folder: &Path) -> String {
    folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// A bundle folder, or the archive that belongs to it.
fn either(
    folder: &Path,
    archive: Option<(PathBuf, Option<Record>)>,
) -> Result<Option<Located>, Error> {
    if !is_bundle(folder) {
        return Ok(archive.map(|(path, _)| Located::Archive(path)));
    }
    let held = Record::read(folder)?;
    Ok(Some(match archive {
        Some((path, Some(record))) if record != held && later(&record, &held) => {
            Located::Archive(path)
        }
        _ => Located::Directory(folder.to_owned()),
    }))
}

fn is_bundle(folder: &Path) -> bool {
    folder.join(super::RECORD_FILE).is_file()
}

/// The archive of the latest export. One that cannot be read comes last, but is
/// still found: its own error says more than "no bundle". What only adds to a bundle
/// is none.
fn newest_archive(place: &Path, prefix: &str) -> Option<(PathBuf, Option<Record>)> {
    let mut newest: Option<(PathBuf, Option<Record>)> = None;
    for path in archives(place, prefix) {
        let record = read_record(&path).ok();
        if record.as_ref().is_some_and(|r| r.adds_to.is_some()) {
            continue;
        }
        let better = match (&newest, &record) {
            (None | Some((_, None)), _) => true,
            (Some((_, Some(best))), Some(record)) => !later(best, record),
            _ => false,
        };
        if better {
            newest = Some((path, record));
        }
    }
    newest
}

/// The archives in a folder whose names begin like this, in their order; of one in parts
/// the name that its parts share.
fn archives(place: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .map(|path| part_of(&path).map_or(path, |(archive, _)| archive))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(prefix) && super::Compression::of_name(path).is_ok()
        })
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

/// Whether `a` was exported after `b`; times that cannot be read are long ago.
fn later(a: &Record, b: &Record) -> bool {
    let time = |record: &Record| record.created.parse::<jiff::Timestamp>().ok();
    time(a) > time(b)
}

#[cfg(test)]
mod tests {
    use super::super::pack;
    use super::*;
    use crate::event::Silent;
    use crate::layout::Layout;

    fn bundle(folder: &Path, created: &str) {
        let layout = Layout::create(folder).unwrap();
        layout.write_index(&[]).unwrap();
        let mut record = Record {
            created: created.into(),
            ..Record::default()
        };
        record.write(&layout).unwrap();
    }

    #[test]
    fn the_folder_wins_unless_an_archive_is_a_later_export() {
        let dir = tempfile::tempdir().unwrap();
        let project = dir.path().join("shop");
        fs::create_dir(&project).unwrap();
        let at = |name: &str| project.join(name);
        let error = locate(None, None, &project).unwrap_err();
        assert!(error.to_string().contains("shop-offline"), "{error}");

        // What was carried lies beside the project.
        let carried = dir.path().join("shop-offline");
        fs::create_dir(&carried).unwrap();
        bundle(&at("build-cache"), "2026-01-02T00:00:00Z");
        let archive = carried.join("build-cache-20260102.tar.zst");
        pack(&at("build-cache"), &archive, &Silent).unwrap();
        fs::remove_dir_all(at("build-cache")).unwrap();
        let found = Located::Archive(archive.canonicalize().unwrap());
        assert_eq!(locate(None, None, &project).unwrap(), found);
        assert_eq!(
            locate(Some(&carried), None, &project).unwrap(),
            Located::Archive(archive)
        );

        // The later of two archives, whatever their names say.
        for (name, created) in [
            ("build-cache-a.tar", "2026-03-01T00:00:00Z"),
            ("build-cache-b.tar.gz", "2026-02-01T00:00:00Z"),
        ] {
            bundle(&at("build-cache"), created);
            pack(&at("build-cache"), &at(name), &Silent).unwrap();
        }
        fs::write(at("build-cache-z.tar.zst"), "cut").unwrap();
        let later = Located::Archive(at("build-cache-a.tar"));
        let folder = Located::Directory(at("build-cache"));
        // The folder holds the February bundle, March's archive is later.
        assert_eq!(locate(None, None, &project).unwrap(), later);
        bundle(&at("build-cache"), "2026-04-01T00:00:00Z");
        assert_eq!(locate(None, None, &project).unwrap(), folder);
        fs::remove_dir_all(at("build-cache")).unwrap();
        assert_eq!(locate(None, None, &project).unwrap(), later);
    }

    #[test]
    fn a_folder_of_the_user_s_own_comes_first() {
        let dir = tempfile::tempdir().unwrap();
        let project = dir.path().join("shop");
        let own = dir.path().join("big disk/cache, mine");
        for folder in [&project, &own] {
            fs::create_dir_all(folder).unwrap();
        }
        let find = || locate(None, Some(&own), &project).unwrap();
        bundle(&project.join("build-cache"), "2026-01-01T00:00:00Z");
        // An empty folder is where an archive will be unpacked.
        let usual = Located::Directory(project.join("build-cache"));
        assert_eq!(find(), usual);
        let archive = dir.path().join("big disk/cache, mine-20260102.tar");
        pack(&project.join("build-cache"), &archive, &Silent).unwrap();
        let other = archive.with_file_name("build-cache-20260103.tar");
        fs::copy(&archive, other).unwrap();
        assert_eq!(find(), Located::Archive(archive));
        bundle(&own, "2026-02-01T00:00:00Z");
        assert_eq!(find(), Located::Directory(own.clone()));
    }
}
