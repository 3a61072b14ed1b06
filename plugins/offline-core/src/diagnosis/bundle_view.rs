use std::path::{Path, PathBuf};

use crate::bundle::{self, Inventory, Located, Proof, Record, locate_both};
use crate::error::Failure;
use crate::event::{Reporter, Task, Work};
use crate::layout::{self, Digest, Layout};

/// What diagnosis asks of a bundle.
pub trait BundleView {
    /// The bundle's folder or archive.
    fn place(&self) -> &Path;

    /// Whether it is an archive, not unpacked yet.
    fn is_archive(&self) -> bool;

    /// Bytes on disk: of the archive, or of all blobs in the folder.
    fn size(&self) -> u64;

    /// What the bundle says of itself.
    fn record(&self) -> &Record;

    /// What a build context held at the export; `None` where that is not at
    /// hand, as in an archive that is not unpacked.
    fn inventory(&self, digest: &Digest) -> Option<Inventory>;

    /// Reads every byte that can be compared with a digest.
    fn verify(&self) -> Result<Wholeness, Failure>;
}

/// What comparing a bundle with its digests has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wholeness {
    /// The archive, or each part of it, has the sum that `SHA256SUMS` names.
    BySum,
    /// Every document and blob has its digest.
    ByDigests,
    /// These blobs are damaged.
    Damaged(Vec<layout::Finding>),
}

/// A bundle on disk.
pub struct CarriedBundle<'a> {
    located: Located,
    record: Record,
    reporter: &'a dyn Reporter,
}

impl<'a> CarriedBundle<'a> {
    /// Finds the bundle that a build would take, and reads what it says of
    /// itself; of an archive that is its first file. Nothing is unpacked. Of an
    /// archive that only adds to a bundle, it is the bundle with it.
    pub fn find(
        named: Option<&Path>,
        cache_dir: Option<&Path>,
        project: &Path,
        reporter: &'a dyn Reporter,
    ) -> Result<Self, Failure> {
        let (located, addition) = locate_both(named, cache_dir, project)?;
        let mut record = match &located {
            Located::Directory(folder) => Record::read(folder)?,
            Located::Archive(archive) => bundle::read_record(archive)?,
        };
        if let Some((archive, addition)) = addition {
            bundle::adds_to(&archive, &addition, &record)?;
            record.network.extend(addition.network);
        }
        Ok(Self {
            located,
            record,
            reporter,
        })
    }

    fn path(&self) -> &PathBuf {
        let (Located::Directory(path) | Located::Archive(path)) = &self.located;
        path
    }
}

impl BundleView for CarriedBundle<'_> {
    fn place(&self) -> &Path {
        self.path()
    }

    fn is_archive(&self) -> bool {
        matches!(self.located, Located::Archive(_))
    }

    fn size(&self) -> u64 {
        match &self.located {
            Located::Archive(archive) => bundle::archive_bytes(archive),
            Located::Directory(folder) => {
                let blobs = std::fs::read_dir(folder.join("blobs/sha256"));
                let blobs = blobs.into_iter().flatten().flatten();
                let sizes = blobs.map(|blob| blob.metadata().map_or(0, |m| m.len()));
                sizes.sum()
            }
        }
    }

    fn record(&self) -> &Record {
        &self.record
    }

    fn inventory(&self, digest: &Digest) -> Option<Inventory> {
        match &self.located {
            Located::Directory(folder) => {
                let layout = Layout::open(folder).ok()?;
                Inventory::load(&layout, digest).ok()
            }
            Located::Archive(_) => None,
        }
    }

    fn verify(&self) -> Result<Wholeness, Failure> {
        let total = self.is_archive().then(|| self.size());
        let task = Task::start(self.reporter, Work::Verify, total);
        Ok(match &self.located {
            Located::Archive(archive) => match bundle::verify_archive(archive, &task)? {
                Proof::Sums => Wholeness::BySum,
                Proof::Digests => Wholeness::ByDigests,
            },
            Located::Directory(folder) => {
                let threads = std::thread::available_parallelism().map_or(1, usize::from);
                match bundle::verify_bundle(folder, threads, &|bytes| task.advance(bytes))? {
                    damaged if damaged.is_empty() => Wholeness::ByDigests,
                    damaged => Wholeness::Damaged(damaged),
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{pack, write_sums};
    use crate::event::Silent;
    use crate::layout::Damage;

    fn bundle(folder: &Path) -> PathBuf {
        let layout = Layout::create(folder).unwrap();
        let blob = layout.write_blob(b"an inventory").unwrap();
        layout.write_index(&[]).unwrap();
        let mut record = Record {
            project: "shop".into(),
            created: "2026-01-02T00:00:00Z".into(),
            extra_blobs: vec![layout::Descriptor::new(
                "application/json",
                blob.digest,
                blob.size,
            )],
            ..Record::default()
        };
        record.write(&layout).unwrap();
        layout.blob_path(&blob.digest)
    }

    #[test]
    fn a_folder_is_whole_until_a_blob_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("build-cache");
        let blob = bundle(&folder);
        let find = || CarriedBundle::find(None, None, dir.path(), &Silent).unwrap();
        assert_eq!(find().record().project, "shop");
        assert!(!find().is_archive());
        assert_eq!(find().verify().unwrap(), Wholeness::ByDigests);
        assert_eq!(find().size(), b"an inventory".len() as u64);
        std::fs::remove_file(blob).unwrap();
        let Wholeness::Damaged(damaged) = find().verify().unwrap() else {
            panic!("a missing blob is damage");
        };
        assert_eq!(damaged.len(), 1);
        assert_eq!(damaged[0].what, Damage::Missing);
    }

    #[test]
    fn an_archive_is_whole_by_its_sum_or_by_what_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("build-cache");
        bundle(&folder);
        let name = "build-cache-1.tar";
        let archive = dir.path().join(name);
        pack(&folder, &archive, &Silent).unwrap();
        let find = || CarriedBundle::find(Some(&archive), None, dir.path(), &Silent).unwrap();
        assert!(find().is_archive());
        assert_eq!(find().size(), archive.metadata().unwrap().len());
        assert_eq!(find().record().project, "shop");
        assert_eq!(find().verify().unwrap(), Wholeness::ByDigests);
        write_sums(dir.path(), &[(name.into(), None)]).unwrap();
        assert_eq!(find().verify().unwrap(), Wholeness::BySum);

        let whole = std::fs::read(&archive).unwrap();
        let at = whole
            .windows(12)
            .position(|w| w == b"an inventory")
            .unwrap();
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        std::fs::write(&archive, &flipped).unwrap();
        let failure = find().verify().unwrap_err();
        assert!(failure.to_string().contains("SHA256SUMS"), "{failure}");
        std::fs::remove_file(dir.path().join("SHA256SUMS")).unwrap();
        let failure = find().verify().unwrap_err();
        assert!(failure.to_string().contains("blobs/sha256/"), "{failure}");
        std::fs::write(&archive, &whole[..at + 4]).unwrap();
        let failure = find().verify().unwrap_err();
        assert!(failure.to_string().contains("cut off"), "{failure}");
    }
}
