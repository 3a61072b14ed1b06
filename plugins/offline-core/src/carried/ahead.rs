//! What is taken out of a bundle before there is a project: the bundle itself is not
//! unpacked for it, and no engine is asked.

use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::TempDir;

use super::{Error, layer};
use crate::bundle::{self, Carried, Located, Record, locate, unpack_artifacts};
use crate::engine::Docker;
use crate::error::Failure;
use crate::event::Reporter;
use crate::layout::{self, Descriptor, Layout, hash_reader};

/// Where the bundle is.
#[derive(Clone, Copy)]
pub struct Ahead<'a> {
    /// As the user has named it.
    pub bundle: Option<&'a Path>,
    /// A bundle folder of the user's own.
    pub cache_dir: Option<&'a Path>,
    /// Never asked for more than whether the user has interrupted, and for its plugins.
    pub docker: &'a Docker,
    /// What is told of it.
    pub reporter: &'a dyn Reporter,
}

/// What a bundle carries besides images, as its record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// What it is.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Bytes in the bundle.
    pub size: u64,
}

impl Ahead<'_> {
    /// What the bundle carries besides images; reads little.
    pub fn list(&self) -> Result<Vec<Listed>, Failure> {
        let (_, record) = self.found()?;
        let listed = record.carried.into_iter().map(|one| Listed {
            kind: one.kind,
            name: one.name,
            size: one.size,
        });
        Ok(listed.collect())
    }

    /// What it carries of a kind.
    pub(super) fn carried(&self, kind: &'static str) -> Result<Vec<Carried>, Failure> {
        let (located, record) = self.found()?;
        of_kind(kind, &located, record)
    }

    fn found(&self) -> Result<(Located, Record), Failure> {
        let located = locate(self.bundle, self.cache_dir, Path::new("."))?;
        let record = match &located {
            Located::Directory(folder) => Record::read(folder)?,
            Located::Archive(archive) => bundle::read_record(archive)?,
        };
        Ok((located, record))
    }

    /// Takes out what is of a kind; what has to be written meanwhile goes into `folder`.
    pub(super) fn take(&self, kind: &'static str, folder: &Path) -> Result<Taken, Failure> {
        let (located, record) = self.found()?;
        let all = of_kind(kind, &located, record)?;
        let roots: Vec<Descriptor> = all.iter().map(|one| one.root.clone()).collect();
        let (Located::Directory(place) | Located::Archive(place)) = &located;
        let mut scratch = None;
        let layout = match &located {
            Located::Directory(folder) => {
                let layout = Layout::open(folder)?;
                for root in &roots {
                    self.verify(&layout, root)?;
                }
                layout
            }
            Located::Archive(archive) => {
                let made = tempfile::Builder::new()
                    .prefix(".docker-offline-")
                    .tempdir_in(folder)
                    .map_err(Error::io("write into", folder))?;
                let layout = unpack_artifacts(archive, made.path(), &roots, self.reporter)?;
                scratch = Some(made);
                layout
            }
        };
        self.docker.check_interrupt()?;
        Ok(Taken {
            all,
            layout,
            place: std::path::absolute(place).unwrap_or_else(|_| place.clone()),
            _scratch: scratch,
        })
    }

    /// Hashes what an artifact consists of: a folder may have been altered since it was
    /// written.
    fn verify(&self, layout: &Layout, root: &Descriptor) -> Result<(), Failure> {
        let artifact: layout::Manifest = layout.read_json_blob(&root.digest)?;
        for layer in &artifact.layers {
            let expected = layer.digest;
            let file = layer::open_blob(self.docker, layout, &expected)?;
            let path = layout.blob_path(&expected);
            let hashed = hash_reader(BufReader::new(file), &|_| ());
            let (actual, _) = hashed.map_err(Error::io("read", &path))?;
            if actual != expected {
                return Err(layout::Error::DigestMismatch { expected, actual }.into());
            }
        }
        Ok(())
    }
}

fn of_kind(kind: &'static str, located: &Located, record: Record) -> Result<Vec<Carried>, Failure> {
    let mut all = record.carried;
    all.retain(|one| one.kind == kind);
    if all.is_empty() {
        let (Located::Directory(place) | Located::Archive(place)) = located;
        let bundle = place.clone();
        return Err(Error::NotCarried { kind, bundle }.into());
    }
    Ok(all)
}

/// What was taken out.
pub(super) struct Taken {
    pub(super) all: Vec<Carried>,
    /// Its blobs, and perhaps no others.
    pub(super) layout: Layout,
    /// The bundle.
    pub(super) place: PathBuf,
    _scratch: Option<TempDir>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use serde_json::Value;

    use super::super::unpack_source;
    use super::*;
    use crate::bundle::pack;
    use crate::event::Silent;

    /// A bundle with a source and an image's worth of other bytes.
    fn bundle(folder: &Path) -> PathBuf {
        let tree = folder.join("shop");
        fs::create_dir_all(tree.join("deploy")).unwrap();
        fs::write(tree.join("deploy/compose.yaml"), "services: {}\n").unwrap();
        let bundle = folder.join("build-cache");
        let layout = Layout::create(&bundle).unwrap();
        let docker = Docker::at("docker");
        let kind = "application/vnd.docker-offline.source.v1+json";
        let stored = layer::store(&docker, &layout, kind, |out| {
            Ok(super::super::tree::write(&tree, "shop", out, &|_| ())?)
        });
        let stored = stored.unwrap();
        let other = layout.write_blob(&vec![7; 1 << 20]).unwrap();
        let other = Descriptor::new("application/x", other.digest, other.size);
        let mut record = Record {
            extra_blobs: vec![other],
            ..Record::default()
        };
        let one = |kind: &str, root: Descriptor, detail: Value| Carried {
            kind: kind.into(),
            name: "shop".into(),
            root,
            size: stored.size,
            services: BTreeSet::new(),
            detail,
        };
        let detail =
            serde_json::json!({"entries": 3, "bytes": 13, "leftOut": 0, "project": "deploy"});
        record.carry(vec![one("source", stored.root.clone(), detail)]);
        layout.write_index(&[]).unwrap();
        fs::write(bundle.join("manifest.json"), "[]").unwrap();
        record.write(&layout).unwrap();
        let archive = folder.join("build-cache-1.tar");
        pack(&bundle, &archive, &Silent).unwrap();
        archive
    }

    fn unpack(bundle: &Path, target: &Path) -> Result<super::super::UnpackedSource, Failure> {
        let docker = Docker::at("docker");
        let ahead = Ahead {
            bundle: Some(bundle),
            cache_dir: None,
            docker: &docker,
            reporter: &Silent,
        };
        unpack_source(&ahead, target)
    }

    #[test]
    fn sources_are_read_from_the_front_of_an_archive_and_verified() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let archive = bundle(folder.path());
        let whole = fs::read(&archive).unwrap();
        // The rest need not be there: parts of it may be on another medium.
        fs::write(&archive, &whole[..whole.len() / 2]).unwrap();
        let unpacked = unpack(&archive, &at("a/b")).unwrap();
        assert!(unpacked.project.ends_with("a/b/deploy"));
        assert!(at("a/b/deploy/compose.yaml").is_file());

        let magic = [0x28, 0xb5, 0x2f, 0xfd];
        let start = whole.windows(4).position(|bytes| bytes == magic).unwrap();
        let mut altered = whole.clone();
        altered[start + 12] ^= 1;
        fs::write(&archive, &altered).unwrap();
        let error = unpack(&archive, &at("c")).unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::BundleAltered, "{error}");
        assert!(!at("c").exists());
    }

    #[test]
    fn an_altered_folder_and_what_is_there_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        bundle(folder.path());
        let cache = at("build-cache");
        fs::create_dir(at("full")).unwrap();
        fs::write(at("full/mine"), "").unwrap();
        let error = unpack(&cache, &at("full")).unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::TargetDiffers, "{error}");
        assert_eq!(fs::read_dir(at("full")).unwrap().count(), 1);

        let record = Record::read(&cache).unwrap();
        let layout = Layout::open(&cache).unwrap();
        let root = &record.carried[0].root;
        let artifact: layout::Manifest = layout.read_json_blob(&root.digest).unwrap();
        let blob = layout.blob_path(&artifact.layers[0].digest);
        let mut bytes = fs::read(&blob).unwrap();
        bytes[12] ^= 1;
        fs::write(&blob, bytes).unwrap();
        assert!(unpack(&cache, &at("d")).is_err() && !at("d").exists());
    }

    #[test]
    fn a_bundle_without_sources_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).unwrap();
        layout.write_index(&[]).unwrap();
        Record::default().write(&layout).unwrap();
        let error = unpack(folder.path(), &folder.path().join("x")).unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::CarriedMissing, "{error}");
        assert!(error.hint().unwrap().contains("--with-source"));
    }
}
