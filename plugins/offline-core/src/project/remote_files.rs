//! Files that Compose itself fetches, for `include` and `extends`.

use std::path::PathBuf;

use super::Location;
use super::fallback::is_remote;
use super::source_lines::Sources;

/// The addresses that these Compose files, and those they include, name under `include` and
/// `extends`, with their places: Compose asks their servers each time it reads the project.
pub fn remote_files(files: &[PathBuf]) -> Vec<(String, Location)> {
    Sources::read(files).remote()
}

/// The addresses that a text names, with their lines.
pub(super) fn named_in(text: &str) -> Vec<(String, u32)> {
    let mut key = "";
    let mut found = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if !line.starts_with([' ', '\t', '-']) {
            key = trimmed.split(':').next().unwrap_or_default();
        }
        let entries = match key {
            "include" => trimmed.strip_prefix("include:").unwrap_or(trimmed),
            // Nothing else of a service has a key of this name.
            "services" => match trimmed.split_once("file:") {
                Some((before, rest)) if is_of_extends(before) => rest,
                _ => continue,
            },
            _ => continue,
        };
        let entries = entries.split([',', '[', ']', '{', '}']).map(entry);
        let remote = entries.filter(|entry| is_remote(entry));
        found.extend(remote.map(|entry| (entry.to_owned(), number)));
    }
    found
}

/// What stands before `file:` on its line.
fn is_of_extends(before: &str) -> bool {
    before.is_empty() || before.starts_with("extends:")
}

/// An entry without its dash, its key, its quotes and a comment behind it.
fn entry(text: &str) -> &str {
    let text = text.trim().trim_start_matches('-').trim();
    let text = text.strip_prefix("path:").unwrap_or(text).trim();
    let text = text.split(" #").next().unwrap_or_default().trim();
    text.trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_compose_fetches_is_found_with_its_line() {
        let text = "\
# include: [https://x.org/no.git]
include:
  - more.yaml
  - https://x.org/a.git#v1:c.yaml # why
  - path: 'git@x.org:b.git'
  - path:
      - oci://x.org/c
services:
  web:
    image: https://x.org/none
    extends:
      file: github.com/x/d
      service: web
    env_file: https://x.org/none
  api:
    extends: {file: \"https://x.org/e.git\", service: api}
  own: {extends: {file: base.yaml, service: own}}
secrets:
  s:
    file: https://x.org/none
";
        let found = named_in(text);
        let found: Vec<(&str, u32)> = found.iter().map(|(url, at)| (url.as_str(), *at)).collect();
        assert_eq!(
            found,
            [
                ("https://x.org/a.git#v1:c.yaml", 4),
                ("git@x.org:b.git", 5),
                ("oci://x.org/c", 7),
                ("github.com/x/d", 12),
                ("https://x.org/e.git", 16),
            ]
        );
        assert_eq!(
            named_in("include: [a.yaml, oci://x/y]\n"),
            [("oci://x/y".to_owned(), 1)]
        );
    }
}
