use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::trace::takes;
use crate::bundle::walk_context;
use crate::closure::{BuildClosure, Closure};
use crate::project::BuildContext;

/// What a build would take from its context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TakenContext {
    /// The service.
    pub service: String,
    /// The context's folder.
    pub folder: PathBuf,
    /// Whether an ignore file applies to it.
    pub has_ignore_file: bool,
    /// Bytes that COPY and ADD take.
    pub taken: u64,
    /// The same by first path element, the largest first.
    pub largest: Vec<(String, u64)>,
    /// Folders that no image needs and that change by themselves, with their
    /// size: `.git`, `node_modules` and their like.
    pub litter: Vec<(String, u64)>,
    /// Scripts with Windows line ends.
    pub crlf_scripts: Vec<String>,
    /// The line of the first COPY or ADD that takes litter.
    pub litter_line: Option<u32>,
}

/// Folders that tools make anew; with the file that must lie beside them where
/// the name alone could mean something else.
const LITTER: &[(&str, Option<&[&str]>)] = &[
    (".git", None),
    (".hg", None),
    (".svn", None),
    ("node_modules", None),
    ("__pycache__", None),
    (".venv", None),
    ("venv", None),
    (".tox", None),
    (".nox", None),
    (".mypy_cache", None),
    (".pytest_cache", None),
    (".ruff_cache", None),
    (".idea", None),
    (".vscode", None),
    (".next", None),
    (".nuxt", None),
    (".gradle", None),
    (".terraform", None),
    (".DS_Store", None),
    ("target", Some(&["Cargo.toml", "pom.xml"])),
    ("build", Some(&["build.gradle", "build.gradle.kts"])),
    ("bin", Some(&["Directory.Build.props"])),
];

/// Looks at the context of each service that is built, each context once.
pub(super) fn contexts(closure: &Closure) -> Vec<TakenContext> {
    let mut walked: BTreeMap<(PathBuf, PathBuf), Vec<Entry>> = BTreeMap::new();
    let mut all = Vec::new();
    for service in &closure.services {
        let Some(build) = &service.build else {
            continue;
        };
        let BuildContext::Directory(folder) = &build.context else {
            continue;
        };
        let reads = build.stages.iter().flat_map(|s| &s.steps);
        if reads.clone().all(|step| step.sources.is_empty()) {
            continue;
        }
        let key = (folder.clone(), build.dockerfile_path.clone());
        let entries = walked
            .entry(key)
            .or_insert_with(|| walk(folder, &build.dockerfile_path));
        all.push(taken(&service.name, folder, build, entries));
    }
    all
}

struct Entry {
    path: String,
    size: u64,
    is_script: bool,
}

fn walk(folder: &Path, dockerfile: &Path) -> Vec<Entry> {
    let mut entries = Vec::new();
    // A context that cannot be read is the project's own error.
    let _ = walk_context(folder, Some(dockerfile), &mut |below, _, metadata| {
        if metadata.is_file() {
            let extension = Path::new(below).extension().and_then(|e| e.to_str());
            let bare = extension.is_none() && metadata.mode() & 0o111 != 0;
            entries.push(Entry {
                path: below.to_owned(),
                size: metadata.len(),
                is_script: bare || matches!(extension, Some("sh" | "bash")),
            });
        }
        Ok(())
    });
    entries
}

fn taken(service: &str, folder: &Path, build: &BuildClosure, entries: &[Entry]) -> TakenContext {
    let mut of_dockerfile = build.dockerfile_path.as_os_str().to_owned();
    of_dockerfile.push(".dockerignore");
    let mut context = TakenContext {
        service: service.to_owned(),
        folder: folder.to_owned(),
        has_ignore_file: folder.join(".dockerignore").exists()
            || Path::new(&of_dockerfile).exists(),
        ..TakenContext::default()
    };
    let mut sources: Vec<(&str, u32)> = Vec::new();
    for step in build.stages.iter().flat_map(|stage| &stage.steps) {
        sources.extend(step.sources.iter().map(|s| (s.as_str(), step.line)));
    }
    let mut largest: BTreeMap<&str, u64> = BTreeMap::new();
    let mut litter: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in entries {
        let Some((_, line)) = sources
            .iter()
            .find(|(source, _)| takes(source, &entry.path))
        else {
            continue;
        };
        context.taken += entry.size;
        let first = entry.path.split('/').next().unwrap_or(&entry.path);
        *largest.entry(first).or_default() += entry.size;
        if let Some(folder) = litter_in(folder, &entry.path) {
            *litter.entry(folder).or_default() += entry.size;
            context.litter_line.get_or_insert(*line);
        } else if entry.is_script && has_crlf(&folder.join(&entry.path)) {
            context.crlf_scripts.push(entry.path.clone());
        }
    }
    context.largest = by_size(largest);
    context.litter = by_size(litter);
    context
}

fn by_size(sizes: BTreeMap<&str, u64>) -> Vec<(String, u64)> {
    let mut sizes: Vec<(String, u64)> = sizes.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    sizes.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    sizes
}

/// The part of a path that ends with a folder of litter.
fn litter_in<'a>(context: &Path, path: &'a str) -> Option<&'a str> {
    let mut start = 0;
    for name in path.split('/') {
        let end = start + name.len();
        if let Some((_, beside)) = LITTER.iter().find(|(litter, _)| *litter == name) {
            let parent = context.join(&path[..start]);
            let is = beside.is_none_or(|files| files.iter().any(|f| parent.join(f).exists()));
            if is {
                return Some(&path[..end]);
            }
        }
        start = end + 1;
    }
    None
}

/// Whether a script's first line, its `#!`, ends as Windows has it.
fn has_crlf(path: &Path) -> bool {
    let mut head = [0; 256];
    let Ok(read) = File::open(path).and_then(|mut file| file.read(&mut head)) else {
        return false;
    };
    let head = &head[..read];
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    head.starts_with(b"#!") && line.len() < read && line.ends_with(b"\r")
}
