use std::fs::File;
use std::path::Path;

use super::Error;
use crate::layout::{Digest, Progress, hash_reader, read_bounded, replace_file};

/// The file of sums beside an archive, as `sha256sum -c` reads it.
pub const SUMS_FILE: &str = "SHA256SUMS";

/// Writes the sums of some files into the `SHA256SUMS` of a folder. Files whose digest is
/// known are not read. Lines of other files stay: of older archives, and of the user's own.
pub fn write_sums(folder: &Path, files: &[(String, Option<Digest>)]) -> Result<(), Error> {
    let place = folder.join(SUMS_FILE);
    let mut text = kept(&place, folder, files)?;
    for (name, known) in files {
        let digest = match known {
            Some(digest) => *digest,
            None => hash_file(&folder.join(name), &|_| ())?.0,
        };
        text.extend(format!("{}  {name}\n", digest.hex()).into_bytes());
    }
    Ok(replace_file(&place, &text)?)
}

/// The lines that stay, byte for byte.
fn kept(place: &Path, folder: &Path, new: &[(String, Option<Digest>)]) -> Result<Vec<u8>, Error> {
    if place.symlink_metadata().is_err() {
        return Ok(Vec::new());
    }
    let held = read_bounded(place, SUMS_FILE)?;
    let stays = |line: &&[u8]| {
        let name = std::str::from_utf8(line)
            .ok()
            .and_then(|l| of_line(l.trim_end()));
        name.is_none_or(|(name, _)| {
            !new.iter().any(|(one, _)| *one == name) && !is_gone(folder, &name)
        })
    };
    let mut text = held
        .split_inclusive(|byte| *byte == b'\n')
        .filter(stays)
        .collect::<Vec<_>>()
        .concat();
    if text.last().is_some_and(|byte| *byte != b'\n') {
        text.push(b'\n');
    }
    Ok(text)
}

/// An archive of an earlier export that was removed: `sha256sum -c` would miss it.
fn is_gone(folder: &Path, name: &str) -> bool {
    name.starts_with("build-cache") && folder.join(name).symlink_metadata().is_err()
}

/// The name and the sum that a line has.
fn of_line(line: &str) -> Option<(String, Digest)> {
    let (hex, rest) = line.split_once(' ')?;
    let named = rest.strip_prefix([' ', '*'])?;
    Some((named.to_owned(), Digest::from_hex(hex).ok()?))
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
    text.lines().filter_map(of_line).collect()
}

/// The digest of a file and its size in bytes.
pub(super) fn hash_file(path: &Path, progress: Progress<'_>) -> Result<(Digest, u64), Error> {
    File::open(path)
        .and_then(|file| hash_reader(file, progress))
        .map_err(Error::io("read", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let text = || std::fs::read_to_string(at(SUMS_FILE)).unwrap();
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let line = |digest: Digest, name: &str| format!("{}  {name}\n", digest.hex());
        for name in ["build-cache-1.tar", "build-cache-2.tar"] {
            std::fs::write(at(name), "").unwrap();
        }
        let own = format!("# mine\r\n{}", line(a, "else/where.bin"));
        std::fs::write(at(SUMS_FILE), &own).unwrap();
        write_sums(folder.path(), &[("build-cache-1.tar".into(), Some(a))]).unwrap();
        assert_eq!(text(), format!("{own}{}", line(a, "build-cache-1.tar")));
        write_sums(folder.path(), &[("build-cache-1.tar".into(), Some(b))]).unwrap();
        write_sums(folder.path(), &[("build-cache-2.tar".into(), Some(a))]).unwrap();
        let both = line(b, "build-cache-1.tar") + &line(a, "build-cache-2.tar");
        assert_eq!(text(), format!("{own}{both}"));
        std::fs::remove_file(at("build-cache-1.tar")).unwrap();
        write_sums(folder.path(), &[("build-cache-2.tar".into(), Some(b))]).unwrap();
        assert_eq!(text(), format!("{own}{}", line(b, "build-cache-2.tar")));
    }
}
