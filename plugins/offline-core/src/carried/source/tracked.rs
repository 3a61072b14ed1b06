//! What git tracks: a file that was added in spite of the rules is not ignored.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The files below a folder of a work tree that git tracks; in words why that is not known.
pub(super) fn of(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let git = which::which("git").map_err(|_| "git is not installed".to_owned())?;
    let output = Command::new(git)
        .arg("-C")
        .arg(folder)
        .args(["ls-files", "-z", "--cached", "--recurse-submodules"])
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(said.lines().next().unwrap_or("git ls-files failed").into());
    }
    let names = output.stdout.split(|byte| *byte == 0);
    let names = names.filter(|name| !name.is_empty());
    Ok(names
        .map(|name| OsString::from_vec(name.to_vec()).into())
        .collect())
}
