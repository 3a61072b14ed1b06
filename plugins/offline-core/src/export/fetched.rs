//! Fetches what ADD fetches, by the builder itself: with its names, its certificates and
//! its proxies, with the service's secrets and keys, and with the permissions and dates
//! that ADD gives.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::json;
use tempfile::TempDir;

use super::{Error, Prepared};
use crate::bundle::{FetchedFile, FetchedRecord};
use crate::closure::FetchedSource;
use crate::engine::{BakeFile, BuildLog, Docker, Step};
use crate::error::Failure;
use crate::event::{Event, Reporter, Task, Work};
use crate::layout::Layout;
use crate::project::Project;
use crate::stages::give_fetched;

/// What was fetched, and a folder with it for the builds of this export.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) record: FetchedRecord,
    pub(super) new_bytes: u64,
    /// Goes with this value.
    folder: TempDir,
}

impl Fetched {
    /// Fetches all that the services fetch by ADD; nothing where none does.
    pub(super) fn get(
        docker: &Docker,
        prepared: &Prepared,
        layout: &Layout,
        reporter: &dyn Reporter,
    ) -> Result<Option<Self>, Failure> {
        let closure = &prepared.closure;
        let mut sources: BTreeMap<&str, &FetchedSource> = BTreeMap::new();
        for one in &closure.fetched {
            sources.entry(&one.id).or_insert(one);
        }
        if sources.is_empty() {
            return Ok(None);
        }
        let work = Work::FetchSources {
            sources: sources.len(),
        };
        let _task = Task::start(reporter, work, None);
        let scratch = scratch(layout)?;
        let file = definition(&sources, &prepared.project, scratch.path())?;
        let log = docker.bake(&file, scratch.path(), reporter)?;
        check(&log, &sources)?;
        let git = sources.values().filter(|one| one.git);
        for note in git.filter_map(|one| pinned(one, &log)) {
            reporter.event(Event::Note(note));
        }
        let (mut files, mut new_bytes) = (Vec::new(), 0);
        for one in sources.values() {
            let (file, new) = stored(one, &scratch.path().join("out"), layout)?;
            new_bytes += new;
            files.push(file);
        }
        let record = FetchedRecord::write(layout, files)?;
        drop(scratch);
        let folder = self::scratch(layout)?;
        record.lay(layout, folder.path())?;
        Ok(Some(Self {
            record,
            new_bytes,
            folder,
        }))
    }

    /// What was prepared, with builds that read what was fetched.
    pub(super) fn given_to(&self, prepared: &Prepared) -> Prepared {
        let mut prepared = prepared.clone();
        give_fetched(&mut prepared.project, &prepared.closure, self.folder.path());
        prepared
    }
}

/// In the bundle folder, which no build takes into an image: what is fetched may be larger
/// than what /tmp can hold.
fn scratch(layout: &Layout) -> Result<TempDir, Error> {
    let made = std::path::absolute(layout.path()).and_then(|folder| {
        tempfile::Builder::new()
            .prefix(".fetched-")
            .tempdir_in(folder)
    });
    made.map_err(|source| Error::Write {
        path: layout.path().to_owned(),
        source,
    })
}

/// One target for each source: an image of nothing else, handed over as a folder, or as
/// an archive where links and owners have to stay what they are.
fn definition(
    sources: &BTreeMap<&str, &FetchedSource>,
    project: &Project,
    scratch: &Path,
) -> Result<BakeFile, Error> {
    let context = scratch.join("context");
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Write { path, source }
    };
    let out = scratch.join("out");
    for folder in [&context, &out] {
        std::fs::create_dir(folder).map_err(failed(folder))?;
    }
    let mut file = BakeFile::default();
    for (id, one) in sources {
        let dockerfile = scratch.join(format!("{id}.Dockerfile"));
        std::fs::write(&dockerfile, text(one)).map_err(failed(&dockerfile))?;
        let out = out.join(id);
        let kind = if one.git { "tar" } else { "local" };
        let build = project.service(&one.service);
        let build = build.and_then(|service| service.build.as_ref());
        let mut target = json!({
            "context": context,
            "dockerfile": dockerfile,
            "output": [format!("type={kind},dest={}", out.display())],
            "attest": ["type=provenance,disabled=true"],
        });
        // What the builder shows a server that wants to know who asks.
        for (key, given) in build.iter().flat_map(|build| build.credentials()) {
            target[key] = given;
        }
        file.build(format!("fetched-{id}"), target);
    }
    Ok(file)
}

fn text(one: &FetchedSource) -> String {
    let literal = |text: &str| text.replace('\\', "\\\\").replace('$', "\\$");
    let checksum = one.checksum.as_deref();
    let checksum = checksum.map_or_else(String::new, |sum| format!("--checksum={sum} "));
    let keep = if one.keep_git_dir {
        "--keep-git-dir=true "
    } else {
        ""
    };
    let to = if one.git {
        format!("/{}/", one.name)
    } else {
        "/".to_owned()
    };
    let words = json!([literal(&one.url), to]);
    format!("FROM scratch\nADD {checksum}{keep}{words}\n")
}

/// What a branch or a tag was at the export; nothing of an address that names a commit.
///
/// Git's words are those of `ls-remote`, which `BuildKit` prints (`source/git/source.go`):
/// the commit, a tab, the ref.
fn pinned(one: &FetchedSource, log: &BuildLog) -> Option<String> {
    let fragment = one.url.split_once('#').map_or("", |(_, rest)| rest);
    if is_commit(fragment.split(':').next().unwrap_or_default()) {
        return None;
    }
    let target = format!("fetched-{}", one.id);
    let of_target = |step: &Step| step.scope.contains(&target);
    let lines = log.printed().filter(|(step, _)| of_target(step));
    // A tag's own object comes first, and the commit that it names after it.
    let found = lines.filter_map(|(_, line)| commit(line)).last();
    let at_commit = found.map_or_else(String::new, |commit| format!(", at commit {commit}"));
    let (what, at) = (one.shown(), one.location());
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

fn check(log: &BuildLog, sources: &BTreeMap<&str, &FetchedSource>) -> Result<(), Error> {
    let Some(failure) = log.failure() else {
        return Ok(());
    };
    let words = std::iter::once(failure.message.as_str());
    let step = failure.step.as_ref();
    let scope = step.and_then(|step| step.scope.first()).cloned();
    let text: String = words
        .chain(step.map(|step| step.instruction.as_str()))
        .chain(scope.as_deref())
        .collect::<Vec<_>>()
        .join(" ");
    let named = |one: &&&FetchedSource| text.contains(&one.url) || text.contains(&one.id);
    let found = sources.values().find(named);
    let one = found.or_else(|| sources.values().next().filter(|_| sources.len() == 1));
    Err(Error::Source {
        what: one.map_or_else(|| "what ADD fetches".into(), |one| one.shown()),
        service: one.map(|one| one.service.clone()).unwrap_or_default(),
        at: one.map(|one| one.location().to_string()),
        why: failure.message,
    })
}

/// Puts a fetched file into the layout; gives it with the bytes that are new there.
fn stored(one: &FetchedSource, out: &Path, layout: &Layout) -> Result<(FetchedFile, u64), Failure> {
    let path: PathBuf = if one.git {
        out.join(&one.id)
    } else {
        out.join(one.path())
    };
    let failed = |source| Error::Write {
        path: path.clone(),
        source,
    };
    let mut from = std::fs::File::open(&path).map_err(failed)?;
    let metadata = from.metadata().map_err(failed)?;
    let mut writer = layout.blob_writer()?;
    std::io::copy(&mut from, &mut writer).map_err(failed)?;
    let blob = writer.commit(None)?;
    let modified = metadata.modified().map_err(failed)?;
    let since = modified.duration_since(SystemTime::UNIX_EPOCH);
    let file = FetchedFile {
        id: one.id.clone(),
        url: one.shown(),
        name: one.name.clone(),
        folder: one.git,
        digest: blob.digest,
        size: blob.size,
        mode: metadata.permissions().mode() & 0o7777,
        modified: since.unwrap_or_default().as_secs(),
    };
    Ok((file, if blob.new { blob.size } else { 0 }))
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
