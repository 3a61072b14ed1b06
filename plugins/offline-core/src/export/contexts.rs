//! Fetches the contexts that builds fetch, before anything is decided: their Dockerfiles
//! lie in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::Error;
use super::by_builder::{Fetching, fetch, literal, store};
use crate::bundle::{FetchedFile, unpack_folder};
use crate::closure::{
    self, FETCHED_DOCKERFILE, KEEP_GIT_DIR, Platform, RemoteContext, give_contexts, remote_contexts,
};
use crate::dockerfile::GIT_TREE;
use crate::engine::Docker;
use crate::error::Failure;
use crate::event::{Reporter, Warning};
use crate::layout::Layout;
use crate::project::{Project, escape};

/// Contexts that were fetched, in a folder that goes with this value.
#[derive(Debug)]
pub struct FetchedContexts {
    folder: TempDir,
    held: BTreeMap<String, RemoteContext>,
    services: BTreeSet<String>,
    /// What was fetched and cannot be carried all the same.
    pub(super) warnings: Vec<Warning>,
}

impl FetchedContexts {
    /// Fetches what builds have as contexts, and builds from there; nothing where none
    /// has one. What a Dockerfile in such a context asks for is found after it.
    pub(super) fn get(
        docker: &Docker,
        project: &mut Project,
        services: &[String],
        platform: &Platform,
        reporter: &dyn Reporter,
    ) -> Result<Option<Self>, Failure> {
        let folder = std::env::temp_dir();
        let made = tempfile::Builder::new()
            .prefix("docker-offline-contexts-")
            .tempdir();
        let mut all = Self {
            folder: made.map_err(write_error(&folder))?,
            held: BTreeMap::new(),
            services: BTreeSet::new(),
            warnings: Vec::new(),
        };
        let mut tried: BTreeSet<RemoteContext> = BTreeSet::new();
        loop {
            let closure = closure::resolve(project, services, platform)?;
            let mut new = remote_contexts(project, &closure);
            new.retain(|one| tried.insert(one.clone()));
            if new.is_empty() {
                break;
            }
            all.fetch(docker, project, &new, reporter)?;
            let laid = all.laid();
            let refused = give_contexts(project, &new, &laid).map_err(write_error(&laid))?;
            let held = new.iter().filter(|one| all.held.contains_key(&one.id));
            all.services.extend(held.map(|one| one.service.clone()));
            all.warnings.extend(refused.iter().map(refusal));
        }
        Ok((!all.held.is_empty()).then_some(all))
    }

    /// The services that are built from them.
    pub(super) fn services(&self) -> &BTreeSet<String> {
        &self.services
    }

    fn laid(&self) -> PathBuf {
        self.folder.path().join("laid")
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// The archive with a repository, or the Dockerfile.
    fn fetched(&self, one: &RemoteContext) -> PathBuf {
        let path = self.out().join(&one.id);
        if one.is_git() {
            path
        } else {
            path.join(FETCHED_DOCKERFILE)
        }
    }

    fn fetch(
        &mut self,
        docker: &Docker,
        project: &Project,
        contexts: &[RemoteContext],
        reporter: &dyn Reporter,
    ) -> Result<(), Failure> {
        let mut new: BTreeMap<&str, &RemoteContext> = BTreeMap::new();
        for one in contexts
            .iter()
            .filter(|one| !self.held.contains_key(&one.id))
        {
            new.entry(&one.id).or_insert(one);
        }
        let empty = self.folder.path().join("empty");
        std::fs::create_dir_all(&empty).map_err(write_error(&empty))?;
        let fetching = new.values().map(|one| Fetching {
            id: &one.id,
            url: &one.url,
            service: &one.service,
            by: "the build",
            at: one.location(),
            git: one.is_git(),
            archive: one.is_git(),
            target: target(one, &empty),
        });
        let fetching: Vec<Fetching<'_>> = fetching.collect();
        if fetching.is_empty() {
            return Ok(());
        }
        fetch(docker, project, &fetching, self.folder.path(), reporter)?;
        for one in new.into_values() {
            let own = self.laid().join(&one.id);
            std::fs::create_dir_all(&own).map_err(write_error(&own))?;
            let path = self.fetched(one);
            if one.is_git() {
                let archive = File::open(&path).map_err(write_error(&path))?;
                unpack_folder(archive, GIT_TREE, &one.url, &own)?;
            } else if is_archive(&path).map_err(write_error(&path))? {
                continue;
            } else {
                let to = own.join(FETCHED_DOCKERFILE);
                lay_dockerfile(&path, &to).map_err(write_error(&to))?;
            }
            self.held.insert(one.id.clone(), one.clone());
        }
        Ok(())
    }

    /// Puts them into a layout; gives them with the bytes that are new there.
    pub(super) fn stored(&self, layout: &Layout) -> Result<(Vec<FetchedFile>, u64), Failure> {
        let (mut files, mut new_bytes) = (Vec::new(), 0);
        for one in self.held.values() {
            let path = self.fetched(one);
            let (file, new) = store(&path, layout)?;
            new_bytes += new;
            let is_git = one.is_git();
            files.push(FetchedFile {
                id: one.id.clone(),
                url: one.shown(),
                name: if is_git { GIT_TREE } else { FETCHED_DOCKERFILE }.into(),
                folder: is_git,
                ..file
            });
        }
        Ok((files, new_bytes))
    }
}

fn write_error(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Write { path, source }
}

/// Whether the builder would unpack it (`isArchive` of `dockerui/context.go`): it begins like
/// what gzip, bzip2, xz or zstd writes, or is a tar.
fn is_archive(path: &Path) -> std::io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(1024).read_to_end(&mut start)?;
    let compressed: [&[u8]; 4] = [b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"];
    let mut tar = tar::Archive::new(start.as_slice());
    let mut is_tar = || matches!(tar.entries().map(|mut e| e.next()), Ok(Some(Ok(_))));
    Ok(compressed.iter().any(|magic| start.starts_with(magic)) || is_tar())
}

fn lay_dockerfile(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::copy(from, to)?;
    let modified = std::fs::metadata(from)?.modified()?;
    File::open(to)?.set_modified(modified)
}

/// An image of nothing but the context: what `COPY .` takes of it.
fn target(one: &RemoteContext, empty: &Path) -> Value {
    let url = escape(&one.url);
    let name = "docker-offline-context";
    if !one.is_git() {
        let words = json!([literal(&one.url), format!("/{FETCHED_DOCKERFILE}")]);
        return json!({
            "context": empty,
            "dockerfile-inline": escape(&format!("FROM scratch\nADD {words}\n")),
        });
    }
    if one.name.is_some() {
        return json!({
            "context": empty,
            "contexts": {name: url},
            "dockerfile-inline": format!("FROM scratch\nCOPY --from={name} . /{GIT_TREE}/\n"),
        });
    }
    let keep = one.keep_git_dir.as_deref();
    let keep = keep.map(|value| (KEEP_GIT_DIR, escape(value)));
    json!({
        "context": url,
        "dockerfile-inline": format!("FROM scratch\nCOPY . /{GIT_TREE}/\n"),
        "args": keep.into_iter().collect::<BTreeMap<_, _>>(),
    })
}

fn refusal((one, why): &(RemoteContext, &'static str)) -> Warning {
    let (what, service) = (one.shown(), &one.service);
    Warning {
        what: format!("service {service}: {what} is not carried, though it was fetched"),
        subject: Some(one.location().to_string()),
        why: Some((*why).to_owned()),
        remedy: Some("clone it beside the project, and name that folder".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_builder_would_unpack_is_an_archive() {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_path("Dockerfile").unwrap();
        header.set_size(2000);
        header.set_cksum();
        tar.append(&header, [b'x'; 2000].as_slice()).unwrap();
        let tar = tar.into_inner().unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, expected) in [
            (b"FROM a\n".as_slice(), false),
            (&[b'#'; 4000], false),
            (b"", false),
            (&tar, true),
            (b"\x1f\x8b\x08 and so on", true),
            (b"BZh9", true),
        ] {
            std::fs::write(file.path(), text).unwrap();
            assert_eq!(is_archive(file.path()).unwrap(), expected, "{}", text.len());
        }
    }
}
