use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::clean::Marks;
use super::files::written_since;

/// The hidden command that looks through an image, with the time from when on.
pub const LOOK: &str = "__look";

/// The variable with what it looks for.
pub const MARKS_VARIABLE: &str = "DOCKER_OFFLINE_MARKS";

/// The files below a folder that were written since then, in seconds since 1970, and
/// hold what only a replay has.
pub fn look(root: &Path, since: u64, marks: &str) -> Vec<PathBuf> {
    let marks = Marks::read(marks);
    let since = SystemTime::UNIX_EPOCH + Duration::from_secs(since);
    let mut found = Vec::new();
    written_since(root, since, &mut |file| {
        if std::fs::read(file).is_ok_and(|held| marks.cleaned(&held).is_some()) {
            found.push(file.to_owned());
        }
    });
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_holds_a_mark_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        std::fs::write(&file, "by 172.17.0.1:3128\n").unwrap();
        std::fs::write(folder.path().join("other"), "by 172.17.0.1\n").unwrap();
        let marks = "HTTP_PROXY=http://172.17.0.1:3128\n";
        assert_eq!(look(folder.path(), 0, marks), [file]);
        assert!(look(folder.path(), 1 << 40, marks).is_empty());
    }
}
