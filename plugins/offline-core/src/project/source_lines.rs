//! Lines of the raw Compose files, for messages.
//!
//! Compose prints the resolved project without positions, so keys are looked
//! up again by indentation. Flow style and anchors are not followed; a key that
//! cannot be found simply has no line.

use std::path::{Path, PathBuf};

use super::Location;
use super::remote_files::named_in;

/// The Compose files with their text, included ones last.
#[derive(Debug, Default)]
pub(super) struct Sources {
    texts: Vec<(PathBuf, String)>,
}

impl Sources {
    /// Reads the files and what they include; unreadable ones are left out.
    pub(super) fn read(files: &[PathBuf]) -> Self {
        let mut texts: Vec<(PathBuf, String)> = Vec::new();
        let mut waiting: Vec<PathBuf> = files.iter().rev().cloned().collect();
        while let Some(path) = waiting.pop() {
            if texts.iter().any(|(seen, _)| *seen == path) {
                continue;
            }
            let Ok(text) = std::fs::read_to_string(&path) else {
                continue;
            };
            let folder = path.parent().unwrap_or(Path::new(""));
            for name in included(&text) {
                waiting.insert(0, folder.join(name).components().collect());
            }
            texts.push((path, text));
        }
        Self { texts }
    }

    /// What `include` and `extends` name that Compose fetches, with its place.
    pub(super) fn remote(&self) -> Vec<(String, Location)> {
        let all = self.texts.iter().flat_map(|(file, text)| {
            let named = named_in(text).into_iter();
            named.map(move |(url, line)| (url, Location::new(file, Some(line))))
        });
        all.collect()
    }

    /// Whether services may be hidden by a profile. Said of what stands in files that
    /// are not read here (`include`, `extends`), and where none was read, too.
    pub(super) fn may_hide_services(&self) -> bool {
        let hides = |text: &String| {
            ["profiles", "include", "extends"]
                .iter()
                .any(|key| text.contains(key))
        };
        self.texts.is_empty() || self.texts.iter().any(|(_, text)| hides(text))
    }

    /// The line of a key, e.g. `services`, `web`, `image`; the last file wins,
    /// as it does in Compose. Where only the beginning of the path is found,
    /// its line is taken, as long as it is more than `services`.
    pub(super) fn key(&self, path: &[&str]) -> Option<Location> {
        (2..=path.len())
            .rev()
            .find_map(|length| self.exact_key(&path[..length]))
    }

    /// The line of a key, only if the whole path is found.
    pub(super) fn exact_key(&self, path: &[&str]) -> Option<Location> {
        self.texts
            .iter()
            .rev()
            .find_map(|(file, text)| Some((file, key_line(text, path)?)))
            .map(|(file, line)| Location::new(file, Some(line)))
    }

    /// The line that first holds a text, comments left out.
    pub(super) fn text(&self, needle: &str) -> Option<Location> {
        self.texts.iter().find_map(|(file, text)| {
            let index = text
                .lines()
                .position(|l| !l.trim_start().starts_with('#') && l.contains(needle))?;
            Some(Location::new(file, u32::try_from(index + 1).ok()))
        })
    }

    /// What is written after a key, on its own line, without quotes.
    pub(super) fn value(&self, path: &[&str]) -> Option<String> {
        let at = self.exact_key(path)?;
        let (_, _, line) = self
            .lines()
            .find(|(file, number, _)| *file == at.file && Some(*number) == at.line)?;
        let value = line.split_once(':')?.1;
        let value = value.split(" #").next().unwrap_or_default().trim();
        let value = value.trim_matches(['"', '\'']);
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// All lines with their files and numbers.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&Path, u32, &str)> {
        self.texts.iter().flat_map(|(file, text)| {
            (1..)
                .zip(text.lines())
                .map(move |(number, line)| (file.as_path(), number, line))
        })
    }

    /// The folders of the files.
    pub(super) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.texts.iter().filter_map(|(file, _)| file.parent())
    }

    /// The only file, if there is just one.
    pub(super) fn only_file(&self) -> Option<&Path> {
        match self.texts.as_slice() {
            [(file, _)] => Some(file),
            _ => None,
        }
    }
}

struct Line<'a> {
    number: u32,
    indent: usize,
    key: &'a str,
}

/// Lines of the form `key: ...` with their depth.
fn keys(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let content = line.trim_start_matches(' ');
        if content.starts_with(['#', '-']) {
            return None;
        }
        let colon = content.find(": ").or_else(|| {
            let end = content.trim_end();
            end.ends_with(':').then(|| end.len() - 1)
        })?;
        Some(Line {
            number: u32::try_from(index + 1).ok()?,
            indent: line.len() - content.len(),
            key: content[..colon].trim().trim_matches(['"', '\'']),
        })
    })
}

fn key_line(text: &str, path: &[&str]) -> Option<u32> {
    let mut stack: Vec<(usize, &str)> = Vec::new();
    for line in keys(text) {
        while stack
            .last()
            .is_some_and(|(indent, _)| *indent >= line.indent)
        {
            stack.pop();
        }
        stack.push((line.indent, line.key));
        if stack.iter().map(|(_, key)| key).eq(path) {
            return Some(line.number);
        }
    }
    None
}

fn included(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in text.lines() {
        if !line.starts_with([' ', '-', '#']) && !line.trim().is_empty() {
            inside = line.starts_with("include:");
            continue;
        }
        if !inside {
            continue;
        }
        let entry = line.trim().trim_start_matches('-').trim();
        let entry = entry.strip_prefix("path:").unwrap_or(entry).trim();
        let entry = entry.trim_matches(['"', '\'']);
        if super::diagnose_stderr::is_yaml(entry) {
            names.push(entry.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# services:
include:
  - more/extra.yaml
  - path: other.yml
services:
  web: # the page
    build:
      context: ./web
      dockerfile: Dockerfile.dev
    environment:
      - build: 1
  \"db\":
    image: postgres:${TAG:?say which}
";

    #[test]
    fn keys_are_found_by_their_path() {
        assert_eq!(key_line(TEXT, &["services", "web"]), Some(6));
        assert_eq!(
            key_line(TEXT, &["services", "web", "build", "dockerfile"]),
            Some(9)
        );
        assert_eq!(key_line(TEXT, &["services", "db", "image"]), Some(13));
        assert_eq!(key_line(TEXT, &["services", "db", "build"]), None);
        assert_eq!(included(TEXT), ["more/extra.yaml", "other.yml"]);
    }

    #[test]
    fn only_profiles_and_what_is_not_read_here_can_hide_services() {
        let of = |text: &str| Sources {
            texts: vec![("/p/compose.yaml".into(), text.into())],
        };
        assert!(!of("services:\n  web:\n    image: a\n").may_hide_services());
        for text in ["profiles: [debug]", "include: [a.yaml]", "extends: base"] {
            assert!(of(text).may_hide_services(), "{text}");
        }
        assert!(Sources::default().may_hide_services());
    }

    #[test]
    fn a_missing_key_falls_back_to_its_parent() {
        let sources = Sources {
            texts: vec![("/p/compose.yaml".into(), TEXT.into())],
        };
        let at = |path: &[&str]| sources.key(path).map(|l| l.to_string());
        assert_eq!(
            at(&["services", "db", "build", "context"]).unwrap(),
            "/p/compose.yaml:12"
        );
        assert_eq!(at(&["services", "nobody"]), None);
        assert_eq!(
            sources.text("${TAG:?").unwrap().to_string(),
            "/p/compose.yaml:13"
        );
    }
}
