use std::path::{Path, PathBuf};

/// BuildKit drops what it has cached when less than this percentage of the
/// engine's disk is free (moby/buildkit, `cmd/buildkitd/config/gcpolicy`;
/// engine fact 20).
pub const KEPT_FREE: u64 = 20;

/// How full a file system is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// A path on it.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// What an ordinary user may still write, in bytes.
    pub available: u64,
    /// Files it can hold at all; 0 where it has no such limit.
    pub inodes: u64,
    /// Files that can still be made.
    pub inodes_free: u64,
}

impl Disk {
    /// Looks at the file system of a path, or of the nearest parent that
    /// exists; `None` where that cannot be told.
    pub fn of(path: &Path) -> Option<Self> {
        let path = std::path::absolute(path).ok()?;
        let existing = path.ancestors().find(|p| p.exists())?;
        Self::of_existing(existing)
    }

    /// The same for a path that must exist itself: a folder of the engine that
    /// is not there lies on another machine.
    pub fn of_existing(path: &Path) -> Option<Self> {
        let stat = rustix::fs::statvfs(path).ok()?;
        Some(Self {
            path: path.to_path_buf(),
            size: stat.f_blocks.checked_mul(stat.f_frsize)?,
            available: stat.f_bavail.checked_mul(stat.f_frsize)?,
            inodes: stat.f_files,
            inodes_free: stat.f_favail,
        })
    }

    /// What is free, in percent of the whole.
    pub fn percent_free(&self) -> u64 {
        if self.size == 0 {
            return 0;
        }
        let percent = u128::from(self.available) * 100 / u128::from(self.size);
        u64::try_from(percent).unwrap_or(100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_to_be_is_on_the_disk_of_its_parent() {
        let disk = Disk::of(&std::env::temp_dir().join("not/there/yet")).unwrap();
        assert!(disk.size > 0 && disk.percent_free() <= 100);
        assert!(Disk::of(Path::new("not/there/yet")).is_some());
        assert!(Disk::of_existing(Path::new("/not/there")).is_none());
    }
}
