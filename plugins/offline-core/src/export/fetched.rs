//! Fetches what ADD fetches, by the builder itself, with the permissions and dates that
//! ADD gives.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tar::EntryType;
use tempfile::TempDir;

use super::by_builder::{Fetching, fetch, literal, store};
use super::prepare::leaving_out;
use super::{Error, Prepared};
use crate::bundle::{FetchedFile, FetchedRecord};
use crate::closure::{Closure, FetchedSource};
use crate::dockerfile::{UNPACKED_TREE, file_name};
use crate::engine::Docker;
use crate::error::Failure;
use crate::event::{Event, Reporter};
use crate::layout::Layout;
use crate::project::escape;
use crate::reference::ImageReference;
use crate::stages::give_fetched;

/// What was fetched, and a folder with it for the builds of this export.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) record: FetchedRecord,
    pub(super) new_bytes: u64,
    /// The services that no bundle can be made for, which was seen in what they fetch; each
    /// with the reason.
    refused: BTreeMap<String, String>,
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
            archive: one.is_folder(),
            target: target(one, &context, syntax(closure, one)),
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
        let out = scratch.path().join("out");
        let refused = refused(closure, sources.values().copied(), &out, reporter)?;
        let (mut files, mut new_bytes) = (Vec::new(), 0);
        let wanted = |one: &FetchedSource| {
            let mut all = closure.fetched.iter();
            all.any(|other| other.id == one.id && !refused.contains_key(&other.service))
        };
        sources.retain(|_, one| wanted(one));
        for one in sources.values() {
            let (file, new) = stored(one, &out, layout)?;
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
            refused,
            folder,
        }))
    }

    /// What was prepared, with builds that read what was fetched.
    pub(super) fn given_to(&self, prepared: &Prepared) -> Prepared {
        let mut prepared = prepared.clone();
        let left: BTreeSet<String> = self.refused.keys().cloned().collect();
        prepared.closure = prepared.closure.without(&left);
        prepared.left_out.extend(self.refused.clone());
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

/// The services whose ADDs unpack what no COPY gives as they do, and those built upon them.
///
/// It is seen in what was fetched alone. As long as there are others, these are carried.
fn refused<'a>(
    closure: &Closure,
    sources: impl Iterator<Item = &'a FetchedSource>,
    out: &Path,
    reporter: &dyn Reporter,
) -> Result<BTreeMap<String, String>, Error> {
    let mut found = BTreeMap::new();
    let mut first = None;
    for one in sources.filter(|one| one.unpack) {
        let path = out.join(&one.id);
        let why = why_not_copied(&path, one).map_err(|source| Error::Write { path, source })?;
        let Some(why) = why else { continue };
        first.get_or_insert((one, why));
        let users = closure.fetched.iter().filter(|other| other.id == one.id);
        for user in users {
            let (what, at) = (user.shown(), user.location());
            let reason = format!("its build unpacks {what} ({at}), and {why}");
            found.entry(user.service.clone()).or_insert(reason);
        }
    }
    closure.add_built_upon(&mut found);
    let mut services = closure.services.iter();
    if let Some((one, why)) = first
        && services.all(|service| found.contains_key(&service.name))
    {
        return Err(Error::Source {
            what: one.shown(),
            by: "the ADD --unpack",
            service: one.service.clone(),
            at: Some(one.location().to_string()),
            why: why.to_owned(),
        });
    }
    for (service, why) in &found {
        reporter.event(Event::Warning(leaving_out(service, why.clone(), REMEDY)));
    }
    Ok(found)
}

/// What to do where an archive is not carried.
const REMEDY: &str =
    "unpack it in a RUN step, which is recorded; --chown in the ADD gives its files one owner";

/// What is in an archive that COPY from a folder does not give as `--unpack` does: in a
/// folder that the builder is sent all is root's.
fn why_not_copied(path: &Path, one: &FetchedSource) -> std::io::Result<Option<&'static str>> {
    let mut archive = tar::Archive::new(std::fs::File::open(path)?);
    let root = Path::new(UNPACKED_TREE);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let header = entry.header();
        let is_plain = matches!(
            header.entry_type(),
            EntryType::Regular | EntryType::Directory | EntryType::Symlink | EntryType::Link
        );
        if !is_plain {
            return Ok(Some("it holds what is no file, folder or link"));
        }
        if !one.chown && (header.uid()?, header.gid()?) != (0, 0) {
            return Ok(Some("it holds files of other owners than root"));
        }
        if holds_attributes(&mut entry)? {
            return Ok(Some("it holds files with attributes, such as capabilities"));
        }
        // `isArchivePath` of BuildKit's `solver/llbsolver/file/unpack.go`: else ADD copies it.
        let path: PathBuf = entry.path()?.components().collect();
        if path != root && path == root.join(file_name(&one.url).unwrap_or_default()) {
            let is_file = entry.header().entry_type().is_file();
            if is_file && entry.header().mode()? & 0o7777 == 0o600 {
                return Ok(Some("it is no archive; take --unpack away"));
            }
        }
    }
    Ok(None)
}

fn holds_attributes<R: std::io::Read>(entry: &mut tar::Entry<'_, R>) -> std::io::Result<bool> {
    let Some(extensions) = entry.pax_extensions()? else {
        return Ok(false);
    };
    for extension in extensions {
        if extension?.key_bytes().starts_with(b"SCHILY.xattr.") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The frontend of the Dockerfile, which may know flags that the engine's own does not.
fn syntax<'a>(closure: &'a Closure, one: &FetchedSource) -> Option<&'a ImageReference> {
    let build = closure.service(&one.service)?.build.as_ref()?;
    build.syntax.as_ref().filter(|_| one.unpack)
}

/// An image of nothing else.
fn target(one: &FetchedSource, context: &Path, syntax: Option<&ImageReference>) -> Value {
    let syntax = syntax.map_or_else(String::new, |image| format!("# syntax={image}\n"));
    json!({
        "context": context,
        "dockerfile-inline": escape(&(syntax + &text(one))),
    })
}

fn text(one: &FetchedSource) -> String {
    let checksum = one.checksum.as_deref();
    let checksum = checksum.map_or_else(String::new, |sum| format!("--checksum={sum} "));
    let flag = if one.keep_git_dir {
        "--keep-git-dir=true "
    } else if one.unpack {
        "--unpack=true "
    } else {
        ""
    };
    let to = if one.is_folder() {
        format!("/{}/", one.name)
    } else {
        "/".to_owned()
    };
    let words = json!([literal(&one.url), to]);
    format!("FROM scratch\nADD {checksum}{flag}{words}\n")
}

/// Puts a fetched file into the layout; gives it with the bytes that are new there.
fn stored(one: &FetchedSource, out: &Path, layout: &Layout) -> Result<(FetchedFile, u64), Failure> {
    let path: PathBuf = if one.is_folder() {
        out.join(&one.id)
    } else {
        out.join(one.path())
    };
    let (file, new) = store(&path, layout)?;
    let file = FetchedFile {
        id: one.id.clone(),
        url: one.shown(),
        name: one.name.clone(),
        folder: one.is_folder(),
        ..file
    };
    Ok((file, new))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Why an archive is not carried that holds one entry.
    fn why(
        kind: EntryType,
        path: &str,
        (owner, mode): (u64, u32),
        chown: bool,
    ) -> Option<&'static str> {
        let mut tar = tar::Builder::new(Vec::new());
        if path.ends_with("able") {
            let attribute = ("SCHILY.xattr.security.capability", b"x".as_slice());
            tar.append_pax_extensions([attribute]).unwrap();
        }
        let mut header = tar::Header::new_ustar();
        header.set_path(path).unwrap();
        header.set_entry_type(kind);
        header.set_uid(owner);
        header.set_gid(owner);
        header.set_mode(mode);
        header.set_size(0);
        header.set_cksum();
        tar.append(&header, std::io::empty()).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), tar.into_inner().unwrap()).unwrap();
        let one = FetchedSource {
            id: "1a".into(),
            url: "https://x.org/y.tar".into(),
            name: UNPACKED_TREE.into(),
            git: false,
            keep_git_dir: false,
            unpack: true,
            chown,
            checksum: None,
            service: "app".into(),
            file: "Dockerfile".into(),
            line: Some(2),
            written: String::new(),
        };
        why_not_copied(file.path(), &one).unwrap()
    }

    #[test]
    fn only_what_a_folder_keeps_is_carried() {
        let file = EntryType::Regular;
        for (kind, path, has, chown, found) in [
            (file, "unpacked/f", (0, 0o644), false, None),
            (EntryType::Link, "unpacked/f", (0, 0o600), false, None),
            (file, "unpacked/f", (1000, 0o644), false, Some("owners")),
            (file, "unpacked/f", (1000, 0o644), true, None),
            (
                file,
                "unpacked/y.tar",
                (0, 0o600),
                false,
                Some("no archive"),
            ),
            (file, "unpacked/d/y.tar", (0, 0o600), false, None),
            (
                file,
                "unpacked/able",
                (0, 0o755),
                false,
                Some("capabilities"),
            ),
            (
                EntryType::Char,
                "unpacked/c",
                (0, 0o600),
                true,
                Some("no file"),
            ),
        ] {
            let why = why(kind, path, has, chown);
            let as_expected = match (why, found) {
                (Some(why), Some(found)) => why.contains(found),
                (why, found) => why.is_none() && found.is_none(),
            };
            assert!(as_expected, "{path}: {why:?}");
        }
    }
}
