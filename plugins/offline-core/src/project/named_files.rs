//! The files that Compose files name: what Compose reads besides them, and what services
//! mount of single files.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use serde_yaml::Value;

use super::diagnose_stderr::is_yaml;
use super::{Project, ProjectOptions, fallback};

/// Files that Compose files name and that are there; absolute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedFiles {
    /// What Compose reads and services mount, with the Compose files themselves and the
    /// `.env` beside each.
    pub read: BTreeSet<PathBuf>,
    /// Those of `secrets`.
    pub secrets: BTreeSet<PathBuf>,
}

/// Every file that a Compose file of the project names.
///
/// Whatever key a name stands in (`env_file`, `include`, `extends`, `secrets`, ...): which
/// keys name files changes with Compose, and a file too many does no harm.
pub fn named_files(options: &ProjectOptions, project: &Project) -> NamedFiles {
    let directory = &project.directory;
    let interpolated = fallback::interpolated(options, directory);
    let given = options.env_files.iter();
    let given = given.map(|file| std::path::absolute(file).unwrap_or_else(|_| file.clone()));
    let mut found = NamedFiles {
        read: given.filter(|file| file.is_file()).collect(),
        secrets: BTreeSet::new(),
    };
    found.read.extend(env_file(directory));
    let mut waiting = project.files.clone();
    while let Some(file) = waiting.pop() {
        let Some(document) = compose_file(&file) else {
            continue;
        };
        let folder = file.parent().unwrap_or(directory).to_owned();
        found.read.extend(env_file(&folder));
        found.read.insert(file);
        let named = |secrets: bool| {
            let mut texts = Vec::new();
            let keys = document.as_mapping().into_iter().flatten();
            let keys = keys.filter(|(key, _)| (key.as_str() == Some("secrets")) == secrets);
            keys.for_each(|(_, value)| gather(value, &mut texts));
            let texts = texts.into_iter().filter_map(&interpolated);
            let paths = texts.flat_map(|text| paths(&text, &folder, directory));
            paths.collect::<Vec<_>>()
        };
        found.secrets.extend(named(true));
        for path in named(false) {
            if is_yaml(&path) && !found.read.contains(&path) {
                waiting.push(path.clone());
            }
            found.read.insert(path);
        }
    }
    found
}

fn env_file(folder: &Path) -> Option<PathBuf> {
    Some(folder.join(".env")).filter(|file| file.is_file())
}

/// The files that a text may mean: as it is, or before a colon
/// (`./site.conf:/etc/site.conf:ro`).
fn paths(text: &str, folder: &Path, directory: &Path) -> Vec<PathBuf> {
    let first = text.split(':').next().unwrap_or_default();
    let meant = [(folder, first), (folder, text), (directory, first)];
    let paths = meant.map(|(base, name)| plain(&base.join(name)));
    paths.into_iter().filter(|path| path.is_file()).collect()
}

/// What a file says, if it is one for Compose.
fn compose_file(path: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(path).ok()?;
    let document: Value = serde_yaml::from_str(&text).ok()?;
    let known = [
        "services",
        "include",
        "secrets",
        "configs",
        "name",
        "x-offline",
    ];
    let is_one = known.iter().any(|key| document.get(key).is_some());
    is_one.then_some(document)
}

fn gather<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Sequence(list) => list.iter().for_each(|one| gather(one, texts)),
        Value::Mapping(map) => map.values().for_each(|one| gather(one, texts)),
        Value::Tagged(tagged) => gather(&tagged.value, texts),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A path without `.` and `..`, as it is written: links are not followed.
pub(crate) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if plain.file_name().is_some() => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_compose_reads_is_found_through_what_it_includes() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "compose.yaml",
            "include: [more/c.yaml]\nservices:\n  a:\n    image: x\n    env_file: [{path: '${STAGE:-prod}.env'}]\n    volumes: ['./site.conf:/etc/s.conf:ro', './data:/data']\n",
        );
        write("more/c.yaml", "secrets:\n  key: {file: ../key.pem}\n");
        for name in [
            "prod.env",
            "test.env",
            "site.conf",
            "key.pem",
            ".env",
            "more/.env",
            "data/x",
        ] {
            write(name, "");
        }
        let project = Project {
            directory: dir.path().to_owned(),
            files: vec![dir.path().join("compose.yaml")],
            ..Project::default()
        };
        let found = named_files(&ProjectOptions::default(), &project);
        assert_eq!(found.secrets.len(), 1);
        let found: Vec<_> = found
            .read
            .iter()
            .map(|path| path.strip_prefix(dir.path()).unwrap().to_str().unwrap())
            .collect();
        let expected = [
            ".env",
            "compose.yaml",
            "more/.env",
            "more/c.yaml",
            "prod.env",
            "site.conf",
        ];
        assert_eq!(found, expected);
    }
}
