//! ADD of a URL or a git repository, read from what a bundle carries.
//!
//! `COPY --from` of a named context gives the layer that ADD gives: a file of the URL's
//! name that is not unpacked (`dispatchCopy` in BuildKit's
//! `frontend/dockerfile/dockerfile2llb/convert.go`; mode and date are the file's own), or
//! the files of a repository, which both lay into the destination.

use super::{Copy, Dockerfile, InstructionKind, RemoteSource};

/// The named context that holds what was fetched.
pub const FETCHED_CONTEXT: &str = "docker-offline-fetched";

/// Flags of ADD that COPY has too, or that say nothing once the file is there.
const KEPT: [&str; 6] = [
    "chown",
    "chmod",
    "link",
    "checksum",
    "keep-git-dir",
    "unpack",
];

/// The folder that the files of a git repository are carried in.
pub const GIT_TREE: &str = "tree";

/// The names that BuildKit gives the files which an ADD fetches, for its sources with
/// ARGs expanded, and [`GIT_TREE`] for a repository; `None` where no COPY does the same: other sources beside them, a file
/// that is to be unpacked, a name that COPY would take for a pattern.
pub fn fetched_names(add: &Copy, sources: &[String]) -> Option<Vec<String>> {
    if !is_like_copy(add) {
        return None;
    }
    sources.iter().map(|source| file_name(source)).collect()
}

/// Whether COPY does the same with what an ADD fetches.
pub fn is_like_copy(add: &Copy) -> bool {
    let alone = !add.sources.is_empty() && add.heredocs.is_empty();
    alone && !add.unpack && add.flags.iter().all(|flag| KEPT.contains(&flag.as_str()))
}

/// What tells a source of an ADD from others before its ARGs are expanded.
pub fn written_source(add: &Copy, source: &str) -> String {
    if add.keep_git_dir {
        format!("--keep-git-dir {source}")
    } else {
        source.to_owned()
    }
}

/// `path.Base` of the URL's path, its escapes undone.
fn file_name(url: &str) -> Option<String> {
    match RemoteSource::of(url)? {
        RemoteSource::Git => return Some(GIT_TREE.into()),
        RemoteSource::Url => {}
    }
    let (_, rest) = url.split_once("://")?;
    let rest = rest.split(['?', '#']).next()?;
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    let last = path.trim_end_matches('/').rsplit('/').next()?;
    let name = unescaped(last)?;
    let known = |c: char| c.is_ascii_alphanumeric() || "._-+@=~,:".contains(c);
    match name.as_str() {
        "" | "." => Some("__unnamed__".into()),
        ".." => None,
        name => name.chars().all(known).then(|| name.to_owned()),
    }
}

fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend(before.bytes());
        bytes.push(u8::from_str_radix(after.get(..2)?, 16).ok()?);
        rest = &after[2..];
    }
    bytes.extend(rest.bytes());
    String::from_utf8(bytes).ok()
}

/// The same text with some ADDs read from [`FETCHED_CONTEXT`]; `paths` gives the files
/// there for the line of an ADD. Every line keeps its number.
pub fn with_carried_adds(
    text: &str,
    dockerfile: &Dockerfile,
    paths: impl Fn(u32, &Copy) -> Option<Vec<String>>,
) -> String {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let stages = dockerfile.stages.iter();
    for instruction in stages.flat_map(|stage| &stage.instructions) {
        let InstructionKind::Add(add) = &instruction.kind else {
            continue;
        };
        let Some(paths) = paths(instruction.line, add) else {
            continue;
        };
        let first = (instruction.line as usize).saturating_sub(1);
        let last = last_line(&lines, first, dockerfile.escape);
        for line in lines.iter_mut().take(last + 1).skip(first) {
            line.clear();
        }
        if let Some(line) = lines.get_mut(first) {
            *line = copy_of(add, paths);
        }
    }
    lines.join("\n")
}

fn last_line(lines: &[String], first: usize, escape: char) -> usize {
    let goes_on = |number: &usize| {
        let line = lines[*number].trim();
        let passed_over = *number > first && (line.is_empty() || line.starts_with('#'));
        passed_over || line.ends_with(escape)
    };
    let last = lines.len().saturating_sub(1);
    (first..last).find(|n| !goes_on(n)).unwrap_or(last)
}

fn copy_of(add: &Copy, mut words: Vec<String>) -> String {
    let mut text = format!("COPY --from={FETCHED_CONTEXT}");
    if add.link {
        text += " --link";
    }
    for (flag, value) in [("chown", &add.chown), ("chmod", &add.chmod)] {
        if let Some(value) = value {
            text += &format!(" --{flag}={value}");
        }
    }
    words.push(add.destination.clone());
    if add.destination.contains(char::is_whitespace) {
        return format!("{text} {}", serde_json::json!(words));
    }
    format!("{text} {}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::dockerfile::parse;

    #[test]
    fn a_file_has_the_name_that_buildkit_gives_it() {
        for (url, name) in [
            ("https://x.org/a/b.tgz?raw=1#x", Some("b.tgz")),
            ("https://x.org/a/c%2B%2B.tar/", Some("c++.tar")),
            ("https://x.org", Some("__unnamed__")),
            ("https://x.org/", Some("__unnamed__")),
            ("https://x.org/a%20b", None),
            ("https://x.org/a*", None),
            ("https://x.org/..", None),
            ("https://x.org/a.git", Some("tree")),
            ("git@x.org:a/b.git#v1:sub", Some("tree")),
            ("a.tar", None),
        ] {
            assert_eq!(file_name(url).as_deref(), name, "{url}");
        }
    }

    #[test]
    fn only_what_copy_can_do_is_carried() {
        for (line, carried) in [
            ("ADD https://x.org/a /a", true),
            (
                "ADD --chmod=755 --chown=1:1 --link --checksum=sha256:1 https://x.org/a /a",
                true,
            ),
            ("ADD https://x.org/a https://x.org/b /a/", true),
            (
                "ADD --keep-git-dir=true https://x.org/a.git#v1:sub /a",
                true,
            ),
            ("ADD https://x.org/a.git https://x.org/b /a/", true),
            ("ADD --exclude=x https://x.org/a.git /a", false),
            ("ADD --unpack=true https://x.org/a.tar /a", false),
            ("ADD --unpack https://x.org/a.tar /a", false),
            ("ADD --unpack=false https://x.org/a.tar /a", true),
            ("ADD https://x.org/a b /a/", false),
        ] {
            let file = parse(&format!("FROM a\n{line}\n"), Path::new("D")).unwrap();
            let InstructionKind::Add(add) = &file.stages[0].instructions[0].kind else {
                panic!("{line}");
            };
            let names = fetched_names(add, &add.sources);
            assert_eq!(names.is_some(), carried, "{line}");
        }
    }

    #[test]
    fn lines_keep_their_numbers() {
        let text = "FROM a\r\nADD --chown=u \\\n # why\n --chmod=755 \\\n\n https://x.org/a \\\n  /a\nRUN b\nADD [\"https://x.org/c\", \"/c d\"]\nADD https://x.org/e /e";
        let file = parse(text, Path::new("D")).unwrap();
        let found = with_carried_adds(text, &file, |line, _| {
            (line != 10).then(|| vec![format!("id/{line}")])
        });
        assert_eq!(
            found,
            "FROM a\r\nCOPY --from=docker-offline-fetched --chown=u --chmod=755 id/2 /a\n\n\n\n\n\nRUN b\nCOPY --from=docker-offline-fetched [\"id/9\",\"/c d\"]\nADD https://x.org/e /e"
        );
    }
}
