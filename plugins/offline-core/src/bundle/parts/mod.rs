//! An archive in parts, for media and file systems that take no large files.
//!
//! `NAME.001`, `NAME.002` and so on, which `cat` joins to `NAME`. An archive that lies
//! there whole goes before its parts.

mod here;
mod join;
mod write;

pub(super) use here::Parts;
pub use join::archive_bytes;
pub(super) use join::{Joined, open};
pub(super) use write::Output;
pub use write::Written;

use std::path::{Path, PathBuf};

/// Each part is written beside its place and open until all are whole, and a process may
/// have few files open.
const MOST: usize = 500;

/// The name of one part, from 1.
fn part(archive: &Path, number: usize) -> PathBuf {
    let mut name = archive.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{number:03}"));
    archive.with_file_name(name)
}

/// The archive that a file of this name is a part of, and which.
pub(crate) fn part_of(path: &Path) -> Option<(PathBuf, usize)> {
    let digits = path.extension()?.to_str()?;
    let number = digits.parse().ok().filter(|number| *number > 0)?;
    let plain = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| (path.with_extension(""), number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_says_what_it_is_a_part_of() {
        let archive = Path::new("/a/build-cache-1.tar.zst");
        assert_eq!(part(archive, 7), Path::new("/a/build-cache-1.tar.zst.007"));
        assert_eq!(part_of(&part(archive, 7)), Some((archive.to_owned(), 7)));
        for other in [
            "a.tar.zst",
            "a.tar.000",
            "a.tar.1",
            "a.tar.0001",
            "a.tar.+01",
            "a",
        ] {
            assert_eq!(part_of(Path::new(other)), None, "{other}");
        }
    }
}
