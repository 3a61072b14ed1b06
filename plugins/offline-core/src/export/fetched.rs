//! Fetches what ADD fetches, by the builder itself, with the permissions and dates that
//! ADD gives.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::by_builder::{Fetching, fetch};
use super::{Error, Prepared};
use crate::bundle::{FetchedFile, FetchedRecord};
use crate::closure::FetchedSource;
use crate::engine::Docker;
use crate::error::Failure;
use crate::event::Reporter;
use crate::layout::Layout;
use crate::project::escape;
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
        if sources.is_empty() && prepared.contexts.is_none() {
            return Ok(None);
        }
        let scratch = scratch(layout)?;
        let context = scratch.path().join("context");
        std::fs::create_dir(&context).map_err(|source| Error::Write {
            path: context.clone(),
            source,
        })?;
        let fetching = sources.values().map(|one| Fetching {
            id: &one.id,
            url: &one.url,
            service: &one.service,
            by: "the ADD",
            at: one.location(),
            git: one.git,
            // Links and owners have to stay what they are in a folder; a file has its
            // name and its date.
            archive: one.git,
            target: target(one, &context),
        });
        let fetching: Vec<Fetching<'_>> = fetching.collect();
        if !fetching.is_empty() {
            fetch(
                docker,
                &prepared.project,
                &fetching,
                scratch.path(),
                reporter,
            )?;
        }
        let (mut files, mut new_bytes) = (Vec::new(), 0);
        for one in sources.values() {
            let (file, new) = stored(one, &scratch.path().join("out"), layout)?;
            new_bytes += new;
            files.push(file);
        }
        if let Some(contexts) = &prepared.contexts {
            let (held, new) = contexts.stored(layout)?;
            files.extend(held);
            new_bytes += new;
        }
        let record = FetchedRecord::write(layout, files)?;
        drop(scratch);
        let folder = self::scratch(layout)?;
        record.lay(layout, folder.path(), |id| sources.contains_key(id))?;
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

/// An image of nothing else.
fn target(one: &FetchedSource, context: &Path) -> Value {
    json!({
        "context": context,
        "dockerfile-inline": escape(&text(one)),
    })
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
