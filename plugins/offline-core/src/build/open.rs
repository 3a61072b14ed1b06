use std::path::{Path, PathBuf};

use super::{BuildOptions, Error};
use crate::bundle::{self, Located, Record, locate};
use crate::closure::{Closure, Platform};
use crate::error::Failure;
use crate::event::{Reporter, Task, Work};
use crate::export::{beside, swallows};
use crate::layout::Layout;
use crate::project::Project;

/// A bundle that is there, whole and readable.
#[derive(Debug)]
pub(super) struct Bundle {
    pub(super) layout: Layout,
    pub(super) record: Record,
}

/// Finds the bundle, unpacks it if it is an archive, and verifies it once: an
/// archive while it is unpacked, a folder when it is seen for the first time.
pub(super) fn open(
    project: &Project,
    closure: &Closure,
    options: &BuildOptions,
    engine: &Platform,
    reporter: &dyn Reporter,
) -> Result<Bundle, Failure> {
    let (bundle, cache_dir) = (options.bundle.as_deref(), options.cache_dir.as_deref());
    let folder = match locate(bundle, cache_dir, &project.directory)? {
        Located::Directory(folder) => folder,
        Located::Archive(path) => {
            check_platform(&bundle::read_record(&path)?, engine)?;
            let folder = target(project, closure, options)?;
            bundle::unpack(&path, &folder, reporter)?;
            folder
        }
    };
    // Before anything is written, even the mark of a verified bundle.
    check_platform(&Record::read(&folder)?, engine)?;
    verify(&folder, reporter)?;
    let layout = Layout::open(&folder)?;
    let record = Record::read(&folder)?;
    Ok(Bundle { layout, record })
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
) -> Result<PathBuf, crate::export::Error> {
    if let Some(dir) = &options.cache_dir {
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.clone());
        return swallows(closure, &dir).map_or(Ok(dir), Err);
    }
    let usual = project.directory.join("build-cache");
    Ok(match swallows(closure, &usual) {
        Some(_) => beside(&project.directory).join("build-cache"),
        None => usual,
    })
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
