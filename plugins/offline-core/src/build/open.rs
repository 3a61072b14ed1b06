use std::path::{Path, PathBuf};

use super::{BuildOptions, Error};
use crate::bundle::{self, Holding, Located, Record, additions, locate_both};
use crate::bundle::{SITE_FOLDER, outside, swallows};
use crate::closure::{Closure, Platform};
use crate::engine::Docker;
use crate::error::Failure;
use crate::event::{Event, Reporter, Task, Warning, Work};
use crate::layout::Layout;
use crate::project::Project;

/// A bundle that is there, whole and readable.
#[derive(Debug)]
pub(super) struct Bundle {
    pub(super) layout: Layout,
    pub(super) record: Record,
    /// Whether recordings were added to it just now.
    pub(super) grown: bool,
    /// Nobody else changes it until this is dropped; nothing where it is only looked at.
    _held: Option<Holding>,
    /// The folder for what is generated for this site.
    pub(super) site: PathBuf,
}

/// What a look at a bundle has found besides.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// The archive that has to be unpacked first.
    pub(super) archive: Option<PathBuf>,
    /// The archives that add to it.
    pub(super) additions: Vec<PathBuf>,
    /// Whether every byte was compared before.
    pub(super) verified: bool,
}

/// The same without a change to it: what has to be written goes into `scratch`.
pub(super) fn look(
    project: &Project,
    closure: &Closure,
    options: &BuildOptions,
    engine: &Platform,
    (scratch, reporter): (&Path, &dyn Reporter),
) -> Result<(Bundle, Seen), Failure> {
    let (bundle, cache_dir) = (options.bundle.as_deref(), options.cache_dir.as_deref());
    let (located, addition) = locate_both(bundle, cache_dir, &project.directory)?;
    let (folder, archive) = match located {
        Located::Directory(folder) => (folder, None),
        Located::Archive(path) => {
            check_platform(&bundle::read_record(&path)?, engine)?;
            target(project, closure, options)?;
            let folder = scratch.join(bundle::DEFAULT_NAME);
            bundle::unpack_documents(&path, &folder, reporter)?;
            (folder, Some(path))
        }
    };
    let mut record = Record::read(&folder)?;
    check_platform(&record, engine)?;
    let place = archive.as_ref().unwrap_or(&folder);
    let mut lying = additions(place, cache_dir, &project.directory, &record);
    let named = addition.map(|(path, _)| path);
    lying.extend(named.filter(|path| !lying.contains(path)));
    for path in &lying {
        let addition = bundle::read_record(path)?;
        check_platform(&addition, engine)?;
        bundle::adds_to(path, &addition, &record)?;
        record.network.extend(addition.network);
    }
    let seen = Seen {
        verified: archive.is_none() && bundle::is_verified(&folder),
        archive,
        additions: lying,
    };
    let bundle = Bundle {
        layout: Layout::open(&folder)?,
        record,
        grown: false,
        _held: None,
        site: scratch.join(SITE_FOLDER),
    };
    Ok((bundle, seen))
}

/// Finds the bundle, unpacks it if it is an archive, and verifies it once: an
/// archive while it is unpacked, a folder when it is seen for the first time. What
/// `docker offline export --fetch` made for it is added to it.
pub(super) fn open(
    project: &Project,
    closure: &Closure,
    options: &BuildOptions,
    engine: &Platform,
    docker: &Docker,
    reporter: &dyn Reporter,
) -> Result<Bundle, Failure> {
    let (bundle, cache_dir) = (options.bundle.as_deref(), options.cache_dir.as_deref());
    let (located, addition) = locate_both(bundle, cache_dir, &project.directory)?;
    let (folder, place, held) = match located {
        Located::Directory(folder) => {
            let held = Holding::of(&folder, docker, reporter)?;
            (folder.clone(), folder, held)
        }
        Located::Archive(path) => {
            check_platform(&bundle::read_record(&path)?, engine)?;
            let folder = target(project, closure, options)?;
            let held = Holding::of(&folder, docker, reporter)?;
            bundle::unpack_held(&path, &held, reporter)?;
            (folder, path, held)
        }
    };
    // Before anything is written, even the mark of a verified bundle.
    let record = Record::read(&folder)?;
    check_platform(&record, engine)?;
    verify(&folder, reporter)?;
    let lying = additions(&place, cache_dir, &project.directory, &record);
    let named = addition.map(|(path, _)| path);
    let mut grown = false;
    for archive in lying.iter().filter(|p| Some(*p) != named.as_ref()) {
        grown |= add(archive, &folder, engine, reporter)?;
    }
    if let Some(archive) = named {
        grown |= add(&archive, &folder, engine, reporter)?;
    }
    if grown {
        verify(&folder, reporter)?;
    }
    let layout = Layout::open(&folder)?;
    let record = Record::read(&folder)?;
    Ok(Bundle {
        site: layout.path().join(SITE_FOLDER),
        layout,
        record,
        grown,
        _held: Some(held),
    })
}

/// Merges an archive into the bundle; says whether anything was new.
fn add(
    archive: &Path,
    folder: &Path,
    engine: &Platform,
    reporter: &dyn Reporter,
) -> Result<bool, Failure> {
    check_platform(&bundle::read_record(archive)?, engine)?;
    let merged = bundle::merge(archive, folder, reporter)?;
    if let Some(made_for) = merged.made_for.as_ref().filter(|_| !merged.nothing_to_do) {
        reporter.event(Event::Warning(Warning {
            what: format!(
                "{} was made for another bundle of this project, that of {made_for}",
                archive.display()
            ),
            subject: None,
            why: Some(
                "what it recorded is good here too, but may not be all that is missing".into(),
            ),
            remedy: Some(
                "if something is still missing: docker offline build --wanted wanted.json".into(),
            ),
        }));
    }
    if !merged.nothing_to_do {
        reporter.event(Event::Note(format!(
            "Added the recorded network of {}: {} requests.",
            archive.display(),
            merged.requests
        )));
    }
    Ok(!merged.nothing_to_do)
}

fn check_platform(record: &Record, engine: &Platform) -> Result<(), Error> {
    let made: Option<Platform> = record.platform.parse().ok();
    if made.as_ref() == Some(engine) {
        return Ok(());
    }
    Err(Error::OtherPlatform {
        made: record.platform.clone(),
        here: engine.to_string(),
    })
}

/// Where an archive is unpacked: never into a build context whose COPY would take
/// it into an image, and with it change that step's key.
fn target(
    project: &Project,
    closure: &Closure,
    options: &BuildOptions,
) -> Result<PathBuf, bundle::Error> {
    if let Some(dir) = &options.cache_dir {
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.clone());
        return swallows(closure, &dir).map_or(Ok(dir), Err);
    }
    let home = outside(closure, &project.directory, &["build-cache"])?;
    Ok(home.join("build-cache"))
}

fn verify(folder: &Path, reporter: &dyn Reporter) -> Result<(), Failure> {
    let task = Task::start(reporter, Work::Verify, None);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let findings = bundle::verify_bundle(folder, threads, &|bytes| task.advance(bytes))?;
    if let Some(first) = findings.first() {
        return Err(Error::Damaged {
            path: folder.to_owned(),
            count: findings.len(),
            first: format!("{} ({:?})", first.digest, first.what),
        }
        .into());
    }
    Ok(())
}
