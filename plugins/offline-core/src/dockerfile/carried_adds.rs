//! ADD of a URL or a git repository, read from what a bundle carries.
//!
//! `COPY --from` of a named context gives the layer that ADD gives: a file of the URL's
//! name (`dispatchCopy` in BuildKit's `frontend/dockerfile/dockerfile2llb/convert.go`; mode
//! and date are the file's own), the files of an archive that `--unpack` unpacks, or those
//! of a repository, which all are laid into the destination.
//!
//! ADD copies its sources one after the other, so that those from the build context and
//! those that were fetched may be two instructions, as long as there are lines for both.

use super::added_lines::{last_line, places};
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

/// The folder that the files of an archive are carried in which `--unpack` unpacks.
pub const UNPACKED_TREE: &str = "unpacked";

/// Where the copy of a Dockerfile has the sources of an ADD from: the path of what was
/// fetched, or nothing for one from the build context.
pub type Sources = Vec<Option<String>>;

/// A part of an ADD: the line of the copy that it is written into, and which of the
/// sources are its own.
pub type Part = (u32, std::ops::Range<usize>);

/// The names under which a bundle carries what an ADD fetches, for its sources with ARGs
/// expanded: that which BuildKit gives a file, [`GIT_TREE`] for a repository,
/// [`UNPACKED_TREE`] for an archive; nothing for a source from the build context.
///
/// `None` where all come from there, and where no COPY does the same: a heredoc beside
/// them, a flag that COPY has not, a name that COPY would take for a pattern.
pub fn fetched_names(add: &Copy, sources: &[String]) -> Option<Vec<Option<String>>> {
    if !is_like_copy(add) || sources.iter().all(|s| RemoteSource::of(s).is_none()) {
        return None;
    }
    let name = |source: &String| match RemoteSource::of(source) {
        None => Some(None),
        Some(RemoteSource::Git) => Some(Some(GIT_TREE.into())),
        Some(RemoteSource::Url) if add.unpack => Some(Some(UNPACKED_TREE.into())),
        Some(RemoteSource::Url) => file_name(source).map(Some),
    };
    sources.iter().map(name).collect()
}

/// Whether COPY does the same with what an ADD fetches.
pub fn is_like_copy(add: &Copy) -> bool {
    let alone = !add.sources.is_empty() && add.heredocs.is_empty();
    alone && add.flags.iter().all(|flag| KEPT.contains(&flag.as_str()))
}

/// What tells a source of an ADD from others before its ARGs are expanded.
pub fn written_source(add: &Copy, source: &str) -> String {
    let mut text = String::new();
    if add.keep_git_dir {
        text += "--keep-git-dir ";
    }
    if add.unpack {
        text += "--unpack ";
        text += if add.chown.is_some() { "--chown " } else { "" };
    }
    text + source
}

/// The parts of an ADD in the order of its sources, each on a line of its own; `None`
/// where there are not as many lines.
pub fn parts(
    text: &str,
    dockerfile: &Dockerfile,
    line: u32,
    add: &Copy,
    sources: &[Option<String>],
) -> Option<Vec<Part>> {
    let mut ranges: Vec<std::ops::Range<usize>> = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        match ranges.last_mut() {
            Some(last) if kind(add, sources[last.start].as_ref()) == kind(add, source.as_ref()) => {
                last.end = number + 1;
            }
            _ => ranges.push(number..number + 1),
        }
    }
    let lines = places(text, dockerfile, line, ranges.len())?;
    Some(lines.into_iter().zip(ranges).collect())
}

/// What cannot stand in one instruction with others: `--chmod` counts for nothing where
/// an archive is unpacked.
fn kind(add: &Copy, source: Option<&String>) -> u8 {
    match source {
        None => 0,
        Some(path) if is_unpacked(add, path) => 1,
        Some(_) => 2,
    }
}

fn is_unpacked(add: &Copy, path: &str) -> bool {
    add.unpack && path.rsplit('/').next() == Some(UNPACKED_TREE)
}

/// The name that `BuildKit` gives a file of this URL: `path.Base` of its path, the escapes
/// undone; `None` for one that COPY would take for a pattern.
pub fn file_name(url: &str) -> Option<String> {
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

/// The same text with some ADDs read from [`FETCHED_CONTEXT`]; `sources` says for the line
/// of an ADD what is there. Every line keeps its number.
pub fn with_carried_adds(
    text: &str,
    dockerfile: &Dockerfile,
    sources: impl Fn(u32, &Copy) -> Option<Sources>,
) -> String {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let stages = dockerfile.stages.iter();
    for instruction in stages.flat_map(|stage| &stage.instructions) {
        let InstructionKind::Add(add) = &instruction.kind else {
            continue;
        };
        let line = instruction.line;
        let Some(sources) = sources(line, add) else {
            continue;
        };
        let Some(parts) = parts(text, dockerfile, line, add, &sources) else {
            continue;
        };
        let first = index(line);
        let last = last_line(&lines, first, dockerfile.escape);
        for line in lines.iter_mut().take(last + 1).skip(first) {
            line.clear();
        }
        for (line, range) in parts {
            while lines.len() <= index(line) {
                lines.push(String::new());
            }
            lines[index(line)] = part(add, range.clone(), &sources[range]);
        }
    }
    lines.join("\n")
}

fn index(line: u32) -> usize {
    (line as usize).saturating_sub(1)
}

/// A part of an ADD, as it is written.
fn part(add: &Copy, range: std::ops::Range<usize>, sources: &[Option<String>]) -> String {
    let fetched: Option<Vec<String>> = sources.iter().cloned().collect();
    let is_local = fetched.is_none();
    let unpacked = sources.iter().flatten().any(|path| is_unpacked(add, path));
    let mut text = if is_local {
        "ADD".to_owned()
    } else {
        format!("COPY --from={FETCHED_CONTEXT}")
    };
    if add.link {
        text += " --link";
    }
    if is_local && add.flags.iter().any(|flag| flag == "unpack") {
        text += &format!(" --unpack={}", add.unpack);
    }
    let chmod = add.chmod.as_ref().filter(|_| !unpacked);
    for (flag, value) in [("chown", add.chown.as_ref()), ("chmod", chmod)] {
        if let Some(value) = value {
            text += &format!(" --{flag}={value}");
        }
    }
    let mut words = fetched.unwrap_or_else(|| add.sources[range].to_vec());
    words.push(add.destination.clone());
    if words.iter().any(|word| word.contains(char::is_whitespace)) {
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
            ("ADD --unpack=true https://x.org/a.tar /a", true),
            ("ADD --unpack https://x.org/a* /a", true),
            ("ADD --unpack=false https://x.org/a.tar /a", true),
            ("ADD https://x.org/a* /a", false),
            ("ADD https://x.org/a b /a/", true),
            ("ADD --exclude=x https://x.org/a b /a/", false),
            ("ADD a b /a/", false),
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
            (line != 10).then(|| vec![Some(format!("id/{line}"))])
        });
        assert_eq!(
            found,
            "FROM a\r\nCOPY --from=docker-offline-fetched --chown=u --chmod=755 id/2 /a\n\n\n\n\n\nRUN b\nCOPY --from=docker-offline-fetched [\"id/9\",\"/c d\"]\nADD https://x.org/e /e"
        );
    }

    /// Of a Dockerfile whose sources `u...` are URLs of which the bundle holds a file.
    fn copied(text: &str) -> String {
        let file = parse(text, Path::new("D")).unwrap();
        with_carried_adds(text, &file, |_, add| {
            let path = |source: &String| {
                let name = if add.unpack { UNPACKED_TREE } else { source };
                source.starts_with('u').then(|| format!("id/{name}"))
            };
            Some(add.sources.iter().map(path).collect())
        })
    }

    #[test]
    fn sources_from_two_places_are_two_instructions() {
        for (adds, expected) in [
            // In its own lines, in those after it, at the end, and in those before it.
            (
                "ADD a \\\n u1 /d/\nRUN x",
                "ADD a /d/\nCOPY --from=docker-offline-fetched id/u1 /d/\nRUN x",
            ),
            (
                "ADD --chown=1 u1 u2 a b /d/\n\n# c\nRUN x",
                "COPY --from=docker-offline-fetched --chown=1 id/u1 id/u2 /d/\nADD --chown=1 a b /d/\n# c\nRUN x",
            ),
            (
                "ADD a u1 b /d/",
                "ADD a /d/\nCOPY --from=docker-offline-fetched id/u1 /d/\nADD b /d/",
            ),
            (
                "RUN y\n# why\nADD a u1 /d/\nRUN x",
                "RUN y\nADD a /d/\nCOPY --from=docker-offline-fetched id/u1 /d/\nRUN x",
            ),
            // A line that another ADD may need, and none at all.
            (
                "ADD c u1 /d/\n\nADD a u1 /d/\nRUN x",
                "ADD c /d/\nCOPY --from=docker-offline-fetched id/u1 /d/\nADD a u1 /d/\nRUN x",
            ),
            ("RUN y\nADD a u1 /d/\nRUN x", ""),
            (
                "ADD [\"a b\", \"u1\", \"/d/\"]\n",
                "ADD [\"a b\",\"/d/\"]\nCOPY --from=docker-offline-fetched id/u1 /d/",
            ),
        ] {
            let text = format!("FROM a\n{adds}");
            let expected = match expected {
                "" => text.clone(),
                expected => format!("FROM a\n{expected}"),
            };
            assert_eq!(copied(&text), expected, "{adds}");
        }
    }

    #[test]
    fn what_is_unpacked_keeps_its_modes() {
        for (add, expected) in [
            (
                "ADD --unpack --chmod=700 --chown=1 u1 u2 /d",
                "COPY --from=docker-offline-fetched --chown=1 id/unpacked id/unpacked /d",
            ),
            (
                "ADD --unpack=true --chmod=700 a u1 /d/",
                "ADD --unpack=true --chmod=700 a /d/\nCOPY --from=docker-offline-fetched id/unpacked /d/",
            ),
            (
                "ADD --unpack=false --link --chmod=700 a u1 /d/",
                "ADD --link --unpack=false --chmod=700 a /d/\nCOPY --from=docker-offline-fetched --link --chmod=700 id/u1 /d/",
            ),
        ] {
            assert_eq!(
                copied(&format!("FROM a\n{add}")),
                format!("FROM a\n{expected}")
            );
        }
    }
}
