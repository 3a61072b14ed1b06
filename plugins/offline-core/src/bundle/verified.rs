use std::path::Path;

use super::parts::Parts;
use super::{Error, RECORD_FILE, Record, sums, unpack};
use crate::event::Task;
use crate::layout::{Digest, Finding, Layout, Progress, read_bounded, replace_file};

/// Says which record the blobs beside it were verified for.
const MARKER: &str = ".verified";

/// Remembers that every blob of this bundle has been verified.
pub(super) fn mark(layout: &Layout) -> Result<(), Error> {
    let record = read_bounded(&layout.path().join(RECORD_FILE), RECORD_FILE)?;
    let text = format!("{}\n", Digest::of(&record));
    Ok(replace_file(&layout.path().join(MARKER), text.as_bytes())?)
}

/// Whether the folder's bundle was verified and no blob was touched since.
pub fn is_marked(folder: &Path) -> bool {
    let place = folder.join(MARKER);
    let (Ok(record), Ok(text), Ok(layout)) = (
        read_bounded(&folder.join(RECORD_FILE), RECORD_FILE),
        read_bounded(&place, MARKER),
        Layout::open(folder),
    ) else {
        return false;
    };
    if text != format!("{}\n", Digest::of(&record)).into_bytes() || !sizes_fit(&layout) {
        return false;
    }
    // A copied or edited blob is newer than the marker; it is read again then.
    let time = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let marked = time(&place);
    std::fs::read_dir(layout.blobs()).is_ok_and(|mut blobs| {
        blobs.all(|blob| blob.is_ok_and(|blob| time(&blob.path()) <= marked))
    })
}

/// Whether every blob is there with its size, and the index is the record's.
pub(super) fn sizes_fit(layout: &Layout) -> bool {
    documents_fit(layout).is_ok_and(|record| {
        layout
            .verify_sizes(record.extra_roots())
            .is_ok_and(|findings| findings.is_empty())
    })
}

/// Checks that `index.json` and `manifest.json` are those that the record names.
pub(super) fn documents_fit(layout: &Layout) -> Result<Record, Error> {
    let record = Record::read(layout.path())?;
    for (name, bound) in [
        ("index.json", record.index),
        ("manifest.json", record.manifest),
    ] {
        let bytes = read_bounded(&layout.path().join(name), name)?;
        let actual = Digest::of(&bytes);
        if let Some(bound) = bound.filter(|bound| *bound != actual) {
            return Err(Error::Altered {
                path: layout.path().to_owned(),
                what: name.to_owned(),
                why: format!("the record names {bound}, its bytes have {actual}"),
            });
        }
    }
    Ok(record)
}

/// What an archive was found whole by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// `SHA256SUMS` beside it.
    Sums,
    /// The digests in it, read as it would be unpacked.
    Digests,
}

/// Verifies an archive: against the `SHA256SUMS` beside it where that names it, or each of
/// its parts; else by the digests of all that is in it, as it would be unpacked.
///
/// # Errors
///
/// Whatever is missing, cut, altered or refused. Nothing is written.
pub fn verify_archive(archive: &Path, task: &Task<'_>) -> Result<Proof, Error> {
    let progress = |bytes| task.advance(bytes);
    if let Some(parts) = Parts::of(archive)
        && parts.check(&progress)?
    {
        return Ok(Proof::Sums);
    }
    let Some(expected) = sums::recorded(archive) else {
        unpack::look_through(archive, task)?;
        return Ok(Proof::Digests);
    };
    let (actual, _) = sums::hash_file(archive, &progress)?;
    if actual != expected {
        return Err(Error::SumMismatch {
            path: archive.to_owned(),
            expected,
            actual,
        });
    }
    Ok(Proof::Sums)
}

/// Verifies a bundle folder: record, index, and every blob's bytes.
///
/// Gives the damaged blobs; an empty list is remembered, so that the next call
/// looks at sizes and times only, until a blob is touched.
pub fn verify_bundle(
    folder: &Path,
    threads: usize,
    progress: Progress<'_>,
) -> Result<Vec<Finding>, Error> {
    let layout = Layout::open(folder)?;
    let record = documents_fit(&layout)?;
    if is_marked(folder) {
        return Ok(Vec::new());
    }
    let findings = layout.verify(record.extra_roots(), threads, progress)?;
    if findings.is_empty() {
        // The bundle may lie on a medium that cannot be written.
        let _ = mark(&layout);
    }
    Ok(findings)
}
