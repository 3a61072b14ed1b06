use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// A folder that all processes of a run of the stories share, filled by whoever comes
/// first while the others wait; nothing in it is changed afterwards.
///
/// `STORIES_SHARED` names the folder of the run, which engines see; `tests/run.sh` makes
/// and removes it. A story that is told without gives nothing here, and makes its own.
///
/// `fill` gives what is to be in the folder by moving it there.
pub fn in_run(name: &str, fill: impl FnOnce(&Path)) -> Option<PathBuf> {
    let run = PathBuf::from(std::env::var_os("STORIES_SHARED")?);
    fs::create_dir_all(&run).unwrap();
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = name.chars().map(plain).collect();
    let (folder, whole) = (run.join(&name), run.join(format!("{name}.whole")));
    let lock = File::create(run.join(format!("{name}.lock"))).unwrap();
    // Held until the file is closed, also when filling it fails: then the next one tries.
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    if !whole.exists() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        fill(&folder);
        fs::write(whole, "").unwrap();
    }
    Some(folder)
}
