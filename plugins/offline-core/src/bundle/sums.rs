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
            None => hash_file(&folder.join(name), &|_| ())?.0,
        };
        lines.push(format!("{}  {name}\n", digest.hex()));
    }
    Ok(replace_file(
        &folder.join(SUMS_FILE),
        lines.concat().as_bytes(),
    )?)
}

/// What the `SHA256SUMS` beside a file says of it.
pub(super) fn recorded(file: &Path) -> Option<Digest> {
    let name = file.file_name()?.to_str()?;
    let mut named = read(file.parent()?).into_iter();
    named.find_map(|(of, digest)| (of == name).then_some(digest))
}

/// Every name in the `SHA256SUMS` of a folder, with its sum; none where there is no such
/// file.
pub(super) fn read(folder: &Path) -> Vec<(String, Digest)> {
    let bytes = read_bounded(&folder.join(SUMS_FILE), SUMS_FILE).unwrap_or_default();
    let text = String::from_utf8(bytes).unwrap_or_default();
    let of_line = |line: &str| {
        let (hex, rest) = line.split_once(' ')?;
        let named = rest.strip_prefix([' ', '*'])?;
        Some((named.to_owned(), Digest::from_hex(hex).ok()?))
    };
    text.lines().filter_map(of_line).collect()
}

/// The digest of a file and its size in bytes.
pub(super) fn hash_file(path: &Path, progress: Progress<'_>) -> Result<(Digest, u64), Error> {
    File::open(path)
        .and_then(|file| hash_reader(file, progress))
        .map_err(Error::io("read", path))
}
