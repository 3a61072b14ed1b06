use std::fs::File;
use std::path::Path;

use super::Error;
use crate::layout::{Digest, Progress, hash_reader, read_bounded, replace_file};

/// The file of sums beside an archive, as `sha256sum -c` reads it.
pub const SUMS_FILE: &str = "SHA256SUMS";

/// Writes `SHA256SUMS` into a folder. Files whose digest is known are not read.
pub fn write_sums(folder: &Path, files: &[(String, Option<Digest>)]) -> Result<(), Error> {
    let mut lines = Vec::new();
    for (name, known) in files {
        let digest = match known {
            Some(digest) => *digest,
            None => hash_file(&folder.join(name), &|_| ())?,
        };
        lines.push(format!("{}  {name}\n", digest.hex()));
    }
    Ok(replace_file(
        &folder.join(SUMS_FILE),
        lines.concat().as_bytes(),
    )?)
}

/// Compares an archive with the `SHA256SUMS` beside it. Gives its digest, or
/// `None` if there is no such file or it does not name the archive.
pub fn verify_archive_sum(archive: &Path, progress: Progress<'_>) -> Result<Option<Digest>, Error> {
    let Some(expected) = recorded(archive) else {
        return Ok(None);
    };
    let actual = hash_file(archive, progress)?;
    if actual != expected {
        return Err(Error::SumMismatch {
            path: archive.to_owned(),
            expected,
            actual,
        });
    }
    Ok(Some(actual))
}

/// What the `SHA256SUMS` beside a file says of it.
pub(super) fn recorded(file: &Path) -> Option<Digest> {
    let name = file.file_name()?.to_str()?;
    let bytes = read_bounded(&file.with_file_name(SUMS_FILE), SUMS_FILE).ok()?;
    String::from_utf8(bytes).ok()?.lines().find_map(|line| {
        let (hex, rest) = line.split_once(' ')?;
        let named = rest.strip_prefix([' ', '*'])?;
        (named == name).then(|| Digest::from_hex(hex).ok())?
    })
}

fn hash_file(path: &Path, progress: Progress<'_>) -> Result<Digest, Error> {
    File::open(path)
        .and_then(|file| hash_reader(file, progress))
        .map(|(digest, _)| digest)
        .map_err(Error::io("read", path))
}
