use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest as _, Sha256};

use super::writer::{PREFIX, remove_partials};
use super::{Descriptor, Digest, Error, Layout, Manifest, Progress, media_type};

/// Every blob that a layout needs, and its size where a descriptor says it.
pub type Reachable = BTreeMap<Digest, Option<u64>>;

/// A damaged blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Finding {
    /// The blob.
    pub digest: Digest,
    /// What is wrong with it.
    pub what: Damage,
}

/// What is wrong with a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Damage {
    /// It is not there.
    Missing,
    /// It has not the size that its descriptor says.
    WrongSize,
    /// Its bytes do not have its digest.
    Altered,
    /// It cannot be read.
    Unreadable,
}

impl Damage {
    /// What is wrong, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::WrongSize => "of another size",
            Self::Altered => "altered",
            Self::Unreadable => "unreadable",
        }
    }
}

impl Layout {
    /// Every blob behind `index.json` and `extra` (manifests, indexes or plain
    /// blobs). Of an index, the images that the layout holds count; where it
    /// holds none, all do, so that their absence is found. A manifest that is
    /// missing or altered counts without what it points to.
    pub fn reachable(&self, extra: &[Descriptor]) -> Result<Reachable, Error> {
        let mut roots = if self.path().join("index.json").exists() {
            self.read_index()?.manifests
        } else {
            Vec::new()
        };
        roots.extend_from_slice(extra);
        let mut reached = Reachable::new();
        for root in &roots {
            reached.insert(root.digest, Some(root.size));
            self.reach(root, &mut reached);
        }
        Ok(reached)
    }

    fn reach(&self, root: &Descriptor, reached: &mut Reachable) {
        let manifests = if media_type::is_index(&root.media_type) {
            match self.image_manifests(root) {
                Ok(held) if !held.is_empty() => held,
                Ok(_) => self
                    .read_json_blob::<super::Index>(&root.digest)
                    .map(|i| i.manifests)
                    .unwrap_or_default(),
                Err(_) => return,
            }
        } else if media_type::is_manifest(&root.media_type) {
            vec![root.clone()]
        } else {
            return;
        };
        for descriptor in manifests {
            reached.insert(descriptor.digest, Some(descriptor.size));
            if let Ok(manifest) = self.read_json_blob::<Manifest>(&descriptor.digest) {
                for blob in manifest.layers.iter().chain([&manifest.config]) {
                    reached.insert(blob.digest, Some(blob.size));
                }
            }
        }
    }

    /// Removes what [`Layout::reachable`] does not name, and unfinished files
    /// that no process holds. Gives the number of bytes freed.
    pub fn collect_garbage(&self, extra: &[Descriptor]) -> Result<u64, Error> {
        let reached = self.reachable(extra)?;
        let folder = self.blobs();
        remove_partials(&folder, PREFIX, |_| true)?;
        let mut freed = 0;
        for entry in fs::read_dir(&folder).map_err(Error::io("read", &folder))? {
            let entry = entry.map_err(Error::io("read", &folder))?;
            let name = entry.file_name();
            let Some(digest) = name.to_str().and_then(|n| Digest::from_hex(n).ok()) else {
                continue;
            };
            if !reached.contains_key(&digest) {
                let size = entry.metadata().map_or(0, |m| m.len());
                fs::remove_file(entry.path()).map_err(Error::io("remove", entry.path()))?;
                freed += size;
            }
        }
        Ok(freed)
    }

    /// Hashes every reachable blob once, with `threads` threads, and names each
    /// one that is damaged; an empty list says that all are whole.
    pub fn verify(
        &self,
        extra: &[Descriptor],
        threads: usize,
        progress: Progress<'_>,
    ) -> Result<Vec<Finding>, Error> {
        let mut blobs: Vec<(Digest, Option<u64>)> = self.reachable(extra)?.into_iter().collect();
        // A large one at the end would leave the other threads idle.
        blobs.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
        let next = AtomicUsize::new(0);
        let findings = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..threads.clamp(1, 64) {
                scope.spawn(|| {
                    while let Some((digest, size)) = blobs.get(next.fetch_add(1, Ordering::Relaxed))
                    {
                        if let Some(what) = self.damage(digest, *size, progress)
                            && let Ok(mut findings) = findings.lock()
                        {
                            findings.push(Finding {
                                digest: *digest,
                                what,
                            });
                        }
                    }
                });
            }
        });
        let mut findings = findings.into_inner().unwrap_or_default();
        findings.sort_unstable();
        Ok(findings)
    }

    /// Like [`Layout::verify`], but looks at presence and sizes only.
    pub fn verify_sizes(&self, extra: &[Descriptor]) -> Result<Vec<Finding>, Error> {
        Ok(self
            .reachable(extra)?
            .into_iter()
            .filter_map(|(digest, size)| {
                let what = self.size_damage(&digest, size)?;
                Some(Finding { digest, what })
            })
            .collect())
    }

    fn size_damage(&self, digest: &Digest, size: Option<u64>) -> Option<Damage> {
        match (self.blob_size(digest), size) {
            (None, _) => Some(Damage::Missing),
            (Some(found), Some(size)) if found != size => Some(Damage::WrongSize),
            _ => None,
        }
    }

    fn damage(&self, digest: &Digest, size: Option<u64>, progress: Progress<'_>) -> Option<Damage> {
        if let Some(damage) = self.size_damage(digest, size) {
            return Some(damage);
        }
        let read = fs::File::open(self.blob_path(digest)).and_then(|f| hash_reader(f, progress));
        match read {
            Ok((actual, _)) if actual == *digest => None,
            Ok(_) => Some(Damage::Altered),
            Err(_) => Some(Damage::Unreadable),
        }
    }
}

/// Hashes and counts all bytes of a stream.
pub fn hash_reader(mut reader: impl Read, progress: Progress<'_>) -> io::Result<(Digest, u64)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    let mut size = 0;
    loop {
        let n = match reader.read(&mut buffer) {
            Ok(0) => return Ok((Digest::from_bytes(hasher.finalize().into()), size)),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        hasher.update(&buffer[..n]);
        size += n as u64;
        progress(n as u64);
    }
}
