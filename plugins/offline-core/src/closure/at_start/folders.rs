//! The files of the host that a container has: by its mounts, and by COPY.

use std::path::{Path, PathBuf};

use super::context;
use crate::closure::BuildClosure;
use crate::closure::network_tools::base_name;
use crate::project::Service;

/// More files than a project's own sources have.
const MOST_FILES: usize = 5_000;
/// Folders of what others wrote.
const NOT_OWN: [&str; 12] = [
    ".git",
    "node_modules",
    "venv",
    ".venv",
    "site-packages",
    "__pycache__",
    "vendor",
    "target",
    "dist",
    "build-cache",
    "tests",
    "test",
];

/// Where files of the host are in the container.
pub(super) struct Folders {
    /// Mounts, with where they are.
    binds: Vec<(PathBuf, String)>,
    /// The build context, and what of it is copied.
    context: Option<(PathBuf, Vec<String>)>,
    working_dir: String,
}

impl Folders {
    pub(super) fn of(service: &Service, build: Option<&BuildClosure>) -> Self {
        let context = build.and_then(|build| {
            let sources = build
                .stages
                .iter()
                .flat_map(|stage| &stage.copies)
                .flat_map(|copy| &copy.sources)
                .map(|source| source.trim_start_matches(['.', '/']).to_owned());
            Some((context(build)?.to_owned(), sources.collect()))
        });
        Self {
            binds: service.starts.binds.clone(),
            context,
            working_dir: service.starts.working_dir.clone().unwrap_or_default(),
        }
    }

    /// The files that these words of a command name.
    pub(super) fn named_in(&self, words: &[String]) -> Vec<PathBuf> {
        words
            .iter()
            .flat_map(|word| word.split_whitespace())
            .map(|word| word.trim_matches(['"', '\'', ';', '(', ')']))
            .filter(|word| is_file_name(word))
            .filter_map(|word| self.file(word))
            .collect()
    }

    /// The file of the host that a path of the container means.
    pub(super) fn file(&self, path: &str) -> Option<PathBuf> {
        let inside = if path.starts_with('/') {
            PathBuf::from(path)
        } else {
            Path::new("/").join(&self.working_dir).join(path)
        };
        let mounted = self.binds.iter().find_map(|(source, target)| {
            let below = inside.strip_prefix(target).ok()?;
            let file = if below.as_os_str().is_empty() {
                source.clone()
            } else {
                source.join(below)
            };
            file.is_file().then_some(file)
        });
        mounted.or_else(|| self.copied(path))
    }

    /// The file of the context that ends as this path does: where COPY puts things
    /// depends on more than is worth following.
    fn copied(&self, path: &str) -> Option<PathBuf> {
        let (context, _) = self.context.as_ref()?;
        let parts: Vec<&str> = path
            .split('/')
            .filter(|p| !p.is_empty() && *p != ".")
            .collect();
        let direct = (0..parts.len())
            .map(|skip| context.join(parts[skip..].join("/")))
            .find(|file| file.is_file());
        direct.or_else(|| {
            let name = base_name(path);
            let mut found = self
                .own_files()
                .into_iter()
                .filter(|file| file.file_name().is_some_and(|n| n == name));
            let first = found.next()?;
            found.next().is_none().then_some(first)
        })
    }

    /// The files of the mounts and of what is copied, without what others wrote.
    pub(super) fn own_files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for (source, _) in &self.binds {
            collect(source, &mut files);
        }
        if let Some((context, sources)) = &self.context {
            for source in sources {
                let fixed = source.split(['*', '?', '[']).next().unwrap_or_default();
                let place = context.join(fixed);
                if place.exists() {
                    collect(&place, &mut files);
                } else if let Some(folder) = place.parent() {
                    collect(folder, &mut files);
                }
            }
        }
        files.sort();
        files.dedup();
        files
    }
}

/// What looks like a program or a script of the project's own.
fn is_file_name(word: &str) -> bool {
    let script = [".sh", ".bash", ".py"]
        .iter()
        .any(|end| word.ends_with(end));
    script || (word.starts_with('/') || word.starts_with("./")) && !word.contains(':')
}

fn collect(place: &Path, files: &mut Vec<PathBuf>) {
    let mut waiting = vec![place.to_owned()];
    while let Some(path) = waiting.pop() {
        if files.len() >= MOST_FILES {
            return;
        }
        let Ok(kind) = path.symlink_metadata() else {
            continue;
        };
        if kind.is_file() {
            files.push(path);
            continue;
        }
        if !kind.is_dir() {
            continue;
        }
        let Ok(entries) = std::fs::read_dir(&path) else {
            continue;
        };
        waiting.extend(
            entries
                .filter_map(Result::ok)
                .map(|e| e.path())
                .filter(|p| {
                    p.file_name()
                        .and_then(|n| n.to_str())
                        .is_some_and(|name| !NOT_OWN.contains(&name))
                }),
        );
    }
}

/// A text that is worth reading: no larger than a person writes.
pub(super) fn text(file: &Path) -> Option<String> {
    const MOST: u64 = 512 * 1024;
    let size = file.metadata().ok()?.len();
    let bytes = (size <= MOST).then(|| std::fs::read(file).ok())??;
    (!bytes.contains(&0)).then(|| String::from_utf8_lossy(&bytes).into_owned())
}
