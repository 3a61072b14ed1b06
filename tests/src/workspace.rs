use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{lab_work, on_machine, tag};

/// The folder of the whole project, with `Cargo.toml` and `compose-examples`.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the repository")
}

/// A folder of its own that every engine sees; removed at the end of its test,
/// or set aside under a name that begins with `kept-` when the test fails.
#[derive(Debug)]
pub struct Workspace {
    path: PathBuf,
}

impl Workspace {
    /// An empty folder.
    pub fn empty(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = lab_work().join(format!("{}-{number}-{name}", tag()));
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self { path }
    }

    /// A copy of one of the projects in `compose-examples`.
    pub fn of_example(name: &str) -> Self {
        let from = repository().join("compose-examples").join(name);
        Self::copy_of(&from, name)
    }

    /// A copy of a folder, as a file manager or a stick would make it: contents
    /// and modes, but none of what an export has left there.
    pub fn copy_of(from: &Path, name: &str) -> Self {
        let new = Self::empty(name);
        on_machine("cp")
            .arg("-rp")
            .arg(from.join("."))
            .arg(&new.path)
            .quietly()
            .succeeds();
        for entry in fs::read_dir(&new.path).unwrap() {
            let entry = entry.unwrap();
            if entry
                .file_name()
                .to_string_lossy()
                .starts_with("build-cache")
            {
                on_machine("rm")
                    .arg("-rf")
                    .arg(entry.path())
                    .quietly()
                    .succeeds();
            }
        }
        new
    }

    /// A folder from an earlier run, which stays.
    pub fn kept(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// A folder that holds these files, given as paths and contents.
    pub fn of_files(name: &str, files: &[(&str, &str)]) -> Self {
        let new = Self::empty(name);
        for (path, text) in files {
            new.write(path, text);
        }
        new
    }

    /// Where it is, on the machine and in every engine.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it.
    pub fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        self.path.join(path)
    }

    /// Writes a file, with the mode that a checkout gives it.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let known = path.exists();
        fs::write(&path, text).unwrap();
        if !known {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        }
    }

    /// The text of a file.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// Puts one text in the place of another, and gives back what the file was.
    pub fn edit(&self, path: &str, from: &str, to: &str) -> String {
        let before = self.read(path);
        assert!(
            before.contains(from),
            "{path} does not contain {from:?}:\n{before}"
        );
        self.write(path, before.replacen(from, to, 1));
        before
    }

    /// Every file in it with size and time, but for what lies in a folder of one
    /// of these names: for "nothing was touched".
    pub fn listing(&self, but: &[&str]) -> String {
        let mut find = on_machine("find").arg(&self.path);
        for name in but {
            find = find.args(["-name", name, "-prune", "-o"]);
        }
        let found = find
            .args(["-type", "f", "-printf", "%P %s %T@ %m\n"])
            .quietly()
            .succeeds();
        let mut lines: Vec<&str> = found.stdout.lines().collect();
        lines.sort_unstable();
        lines.join("\n")
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        if std::env::var_os("KEEP").is_some() || !name.starts_with(tag()) {
            return;
        }
        if std::thread::panicking() {
            let name = self
                .path
                .file_name()
                .unwrap()
                .to_string_lossy()
                .into_owned();
            let kept = self.path.with_file_name(format!("kept-{name}"));
            if fs::rename(&self.path, &kept).is_ok() {
                println!("    kept for a look: {}", kept.display());
            }
        } else {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
