use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock, major, minor};

use super::Error;
use crate::engine::Docker;
use crate::error::Failure;
use crate::event::{Event, Reporter};

/// How often it is looked whether a folder is free.
const EVERY: Duration = Duration::from_millis(200);

/// A bundle folder that no other export or build of this machine changes meanwhile: one
/// would collect as garbage what the other has just written.
///
/// It is the folder itself that is locked (`flock`), so that nothing is left in it, and the
/// kernel lets go of what a dead process held.
#[derive(Debug)]
pub struct Holding {
    folder: PathBuf,
    made: bool,
    _locked: Option<File>,
}

impl Holding {
    /// Makes the folder if it is not there, and waits until nobody else holds it; says once
    /// who does.
    ///
    /// Where folders cannot be locked, as on some network file systems, it is held by no
    /// more than a promise.
    ///
    /// # Errors
    ///
    /// The folder cannot be made or opened, or the user interrupts the waiting.
    pub fn of(folder: &Path, docker: &Docker, reporter: &dyn Reporter) -> Result<Self, Failure> {
        let mut said = false;
        let mut made = false;
        loop {
            if !folder.is_dir() {
                fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
                made = true;
            }
            let file = File::open(folder).map_err(Error::io("open", folder))?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(io::Error::from) {
                // The one that held it may have taken it away, and somebody else made it anew.
                Ok(()) if !is_still(folder, &file) => {}
                Ok(()) => return Ok(Self::with(folder, made, Some(file))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !said {
                        said = true;
                        reporter.event(Event::Note(in_use(folder, &file)));
                    }
                    docker.check_interrupt()?;
                    std::thread::sleep(EVERY);
                }
                Err(_) => return Ok(Self::with(folder, made, None)),
            }
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether it was not there before.
    pub fn is_new(&self) -> bool {
        self.made
    }

    fn with(folder: &Path, made: bool, locked: Option<File>) -> Self {
        Self {
            folder: folder.to_owned(),
            made,
            _locked: locked,
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        if self.made {
            // Only where nothing has come into it.
            let _ = fs::remove_dir(&self.folder);
        }
    }
}

fn is_still(folder: &Path, file: &File) -> bool {
    let (Ok(named), Ok(held)) = (fs::metadata(folder), file.metadata()) else {
        return false;
    };
    named.ino() == held.ino() && named.dev() == held.dev()
}

fn in_use(folder: &Path, file: &File) -> String {
    let who = holder(file).map_or_else(
        || "another process".to_owned(),
        |pid| match command(pid) {
            Some(command) => format!("{command} (process {pid})"),
            None => format!("process {pid}"),
        },
    );
    let folder = folder.display();
    format!("{folder} is in use by {who}; this command goes on when that one has ended")
}

/// Who holds a lock of a file, by `/proc/locks`:
/// `1: FLOCK  ADVISORY  WRITE 1234 fd:01:5678 0 EOF`.
fn holder(file: &File) -> Option<u32> {
    let held = file.metadata().ok()?;
    let (of, at) = (held.dev(), held.ino());
    let wanted = format!("{:02x}:{:02x}:{at}", major(of), minor(of));
    let locks = fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let place = words.iter().position(|word| *word == wanted)?;
        (words.get(1) == Some(&"FLOCK")).then(|| words[place - 1].parse().ok())?
    })
}

fn command(pid: u32) -> Option<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let first = bytes.split(|byte| *byte == 0).next()?;
    let path = String::from_utf8_lossy(first).into_owned();
    let name = Path::new(&path).file_name()?.to_string_lossy();
    Some(name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_a_folder_is_found_and_told() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (File::open(dir.path()), File::open(dir.path()));
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!(holder(&second), None);
        flock(&first, FlockOperation::NonBlockingLockExclusive).unwrap();
        assert_eq!(holder(&second), Some(std::process::id()));
        let words = in_use(dir.path(), &second);
        let process = format!("(process {})", std::process::id());
        assert!(words.contains(&process), "{words}");
        assert!(is_still(dir.path(), &first));
        drop(first);
        assert_eq!(holder(&second), None);
    }
}
