use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, FileTimes, OpenOptions, Permissions};
use std::io::{ErrorKind, Result, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// No settings and no log of a step are larger.
const LARGEST: u64 = 64 << 20;

/// Calls `each` with every file below a folder whose content or settings changed since
/// then, mounts left out: what is in them is in no layer.
///
/// The time of change is set by the kernel alone, by a clock that no step can move.
pub(super) fn written_since(root: &Path, since: SystemTime, each: &mut dyn FnMut(&Path)) {
    let since = since.duration_since(UNIX_EPOCH).unwrap_or_default();
    let since = (
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        i64::from(since.subsec_nanos()),
    );
    let mounted = mounted();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if mounted.contains(&path) {
                continue;
            }
            if metadata.is_dir() {
                folders.push(path);
            } else if metadata.is_file()
                && metadata.len() <= LARGEST
                && (metadata.ctime(), metadata.ctime_nsec()) >= since
            {
                each(&path);
            }
        }
    }
}

/// Where something is mounted (proc(5), `mountinfo`: the fifth field, with octal
/// escapes).
fn mounted() -> BTreeSet<PathBuf> {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let lines = table.split(|b| *b == b'\n');
    let fifth = lines.filter_map(|line| line.split(|b| *b == b' ').nth(4));
    let always = ["/proc", "/sys", "/dev"].map(PathBuf::from);
    fifth.map(unescaped).chain(always).collect()
}

fn unescaped(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'\\')
            .then(|| std::str::from_utf8(after.get(..3)?).ok())
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    PathBuf::from(OsStr::from_bytes(&bytes))
}

/// Gives a file another content, and leaves all else as it is.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let metadata = fs::metadata(path)?;
    let open = || OpenOptions::new().write(true).truncate(true).open(path);
    let mut file = match open() {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let writable = metadata.permissions().mode() | 0o200;
            fs::set_permissions(path, Permissions::from_mode(writable))?;
            open()?
        }
        opened => opened?,
    };
    file.write_all(bytes)?;
    file.set_permissions(metadata.permissions())?;
    let times = FileTimes::new()
        .set_accessed(metadata.accessed()?)
        .set_modified(metadata.modified()?);
    file.set_times(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read_with_their_escapes() {
        assert_eq!(unescaped(b"/a\\040b"), Path::new("/a b"));
        assert_eq!(unescaped(b"/a\\"), Path::new("/a\\"));
        assert!(mounted().contains(Path::new("/proc")));
    }
}
