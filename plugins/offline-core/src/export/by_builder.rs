//! Lets the builder itself fetch what builds ask servers for: with its names, its
//! certificates and its proxies, with the service's secrets and keys.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::Error;
use crate::bundle::FetchedFile;
use crate::closure::without_credentials;
use crate::engine::{BakeFile, BuildLog, Docker};
use crate::error::Failure;
use crate::event::{Event, Reporter, Task, Work};
use crate::layout::Layout;
use crate::project::{Location, Project};

/// An address as a word of a Dockerfile that expands nothing in it.
pub(super) fn literal(url: &str) -> String {
    url.replace('\\', "\\\\").replace('$', "\\$")
}

/// Puts what was fetched to a path into the layout; gives it with the bytes that are new
/// there. What it is called is still to be said.
pub(super) fn store(path: &Path, layout: &Layout) -> Result<(FetchedFile, u64), Failure> {
    let failed = |source| Error::Write {
        path: path.to_owned(),
        source,
    };
    let mut from = std::fs::File::open(path).map_err(failed)?;
    let metadata = from.metadata().map_err(failed)?;
    let mut writer = layout.blob_writer()?;
    std::io::copy(&mut from, &mut writer).map_err(failed)?;
    let blob = writer.commit(None)?;
    let modified = metadata.modified().map_err(failed)?;
    let since = modified.duration_since(SystemTime::UNIX_EPOCH);
    let file = FetchedFile {
        id: String::new(),
        url: String::new(),
        name: String::new(),
        folder: false,
        digest: blob.digest,
        size: blob.size,
        mode: metadata.permissions().mode() & 0o7777,
        modified: since.unwrap_or_default().as_secs(),
    };
    Ok((file, if blob.new { blob.size } else { 0 }))
}

/// Something to fetch.
#[derive(Debug)]
pub(super) struct Fetching<'a> {
    pub(super) id: &'a str,
    pub(super) url: &'a str,
    pub(super) service: &'a str,
    /// What names it: `the ADD` or `the build`.
    pub(super) by: &'static str,
    pub(super) at: Location,
    /// Whether it is a git repository.
    pub(super) git: bool,
    /// Whether it comes as an archive, and not as a folder.
    pub(super) archive: bool,
    /// An image of nothing else, as bake defines it.
    pub(super) target: Value,
}

/// Fetches all of them. Each comes as `out/ID` of a folder.
pub(super) fn fetch(
    docker: &Docker,
    project: &Project,
    all: &[Fetching<'_>],
    folder: &Path,
    reporter: &dyn Reporter,
) -> Result<(), Failure> {
    let work = Work::FetchSources { sources: all.len() };
    let _task = Task::start(reporter, work, None);
    let out = folder.join("out");
    std::fs::create_dir_all(&out).map_err(|source| Error::Write {
        path: out.clone(),
        source,
    })?;
    let mut file = BakeFile::default();
    for one in all {
        let mut target = one.target.clone();
        let to = out.join(one.id);
        let kind = if one.archive { "tar" } else { "local" };
        target["output"] = json!([format!("type={kind},dest={}", to.display())]);
        target["attest"] = json!(["type=provenance,disabled=true"]);
        let build = project.service(one.service);
        let build = build.and_then(|service| service.build.as_ref());
        // What the builder shows a server that wants to know who asks.
        for (key, given) in build.iter().flat_map(|build| build.credentials()) {
            target[key] = given;
        }
        file.build(name(one), target);
    }
    let log = docker.bake(&file, folder, reporter)?;
    check(&log, all)?;
    for note in all.iter().filter_map(|one| pinned(one, &log)) {
        reporter.event(Event::Note(note));
    }
    Ok(())
}

fn name(one: &Fetching<'_>) -> String {
    format!("fetched-{}", one.id)
}

/// What a branch or a tag was at the export; nothing of an address that names a commit.
///
/// Git's words are those of `ls-remote`, which `BuildKit` prints (`source/git/source.go`):
/// the commit, a tab, the ref.
fn pinned(one: &Fetching<'_>, log: &BuildLog) -> Option<String> {
    let fragment = one.url.split_once('#').map_or("", |(_, rest)| rest);
    let named = is_commit(fragment.split(':').next().unwrap_or_default());
    if !one.git || named {
        return None;
    }
    let lines = log.lines().filter(|(step, _)| step.contains(&name(one)));
    // A tag's own object comes first, and the commit that it names after it.
    let found = lines.filter_map(|(_, line)| commit(line)).last();
    let at_commit = found.map_or_else(String::new, |commit| format!(", at commit {commit}"));
    let (what, at) = (without_credentials(one.url), &one.at);
    Some(format!("{what} ({at}) is carried as it is now{at_commit}"))
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn commit(line: &str) -> Option<&str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (name, commit) = (words.last()?, words.iter().rev().nth(1)?);
    let is_ref = name.starts_with("refs/") || *name == "HEAD";
    (is_ref && is_commit(commit)).then_some(*commit)
}

fn check(log: &BuildLog, all: &[Fetching<'_>]) -> Result<(), Error> {
    let Some(failure) = log.failure() else {
        return Ok(());
    };
    let text = format!("{} {}", failure.message, log.failed().unwrap_or_default());
    let named = |one: &&Fetching<'_>| text.contains(one.url) || text.contains(one.id);
    let found = all.iter().find(named);
    let one = found.or_else(|| all.first().filter(|_| all.len() == 1));
    Err(Error::Source {
        what: one.map_or_else(
            || "what builds fetch".into(),
            |one| without_credentials(one.url),
        ),
        by: one.map_or("the build", |one| one.by),
        service: one.map(|one| one.service.to_owned()).unwrap_or_default(),
        at: one.map(|one| one.at.to_string()),
        why: failure.message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_read_from_what_git_says() {
        let sha = "55ec6acec1dedf15ef8d9052b2bc31c6bfeac947";
        for (line, found) in [
            (format!("0.050 {sha}\trefs/tags/v1^{{}}"), Some(sha)),
            (format!("0.1 {sha}\tHEAD"), Some(sha)),
            ("0.1 ref: refs/heads/main\tHEAD".into(), None),
            (" * [new tag]         v1         -> v1".into(), None),
            (format!("0.1 HEAD is now at {sha}"), None),
        ] {
            assert_eq!(commit(&line), found, "{line}");
        }
    }
}
