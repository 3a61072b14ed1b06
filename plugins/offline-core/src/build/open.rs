use std::path::PathBuf;

use super::{BuildOptions, Error};
use crate::bundle::{Located, Record, Verified, archive, locate};
use crate::error::Failure;
use crate::event::{Reporter, Task, Work};
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
    options: &BuildOptions,
    reporter: &dyn Reporter,
) -> Result<Bundle, Failure> {
    // A folder named by --cache-dir counts like one named by --bundle.
    let named = options
        .bundle
        .clone()
        .or_else(|| options.cache_dir.clone().filter(|dir| dir.is_dir()));
    let folder = match locate(named.as_deref(), &project.directory)? {
        Located::Directory(folder) => folder,
        Located::Archive(path) => {
            let folder = target(&path, project, options);
            archive::unpack(&path, &folder, reporter)?;
            folder
        }
    };
    let layout = Layout::open(&folder)?;
    let record = Record::read(&folder)?;
    verify(&layout, &record, reporter)?;
    Ok(Bundle { layout, record })
}

/// Where an archive is unpacked: never into a build context that would take it.
fn target(archive: &std::path::Path, project: &Project, options: &BuildOptions) -> PathBuf {
    if let Some(dir) = &options.cache_dir {
        return dir.clone();
    }
    let beside = crate::export::beside(&project.directory);
    if archive.parent().is_some_and(|p| p == beside) {
        return beside.join("build-cache");
    }
    project.directory.join("build-cache")
}

fn verify(layout: &Layout, record: &Record, reporter: &dyn Reporter) -> Result<(), Failure> {
    let findings = if Verified::holds(layout, record) {
        layout.verify_sizes(record.extra_roots())?
    } else {
        let total = layout.reachable(record.extra_roots())?.values().flatten().sum();
        let task = Task::start(reporter, Work::Verify, Some(total));
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        layout.verify(record.extra_roots(), threads, &|bytes| task.advance(bytes))?
    };
    if let Some(first) = findings.first() {
        return Err(Error::Damaged {
            path: layout.path().to_owned(),
            count: findings.len(),
            first: format!("{} ({:?})", first.digest, first.what),
        }
        .into());
    }
    Verified::mark(layout, record)?;
    Ok(())
}
