use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Write};
use std::path::Path;

use super::archive_reader::cut;
use super::{Error, Record};
use crate::layout::{self, Descriptor, Digest, Hashed, Layout, Manifest};

/// A blob in an archive, as it comes.
pub(super) struct Coming<'a> {
    /// The archive.
    pub(super) archive: &'a Path,
    /// Its name there.
    pub(super) name: &'a str,
    /// Its digest, by that name.
    pub(super) digest: Digest,
    /// Its size in bytes, by what named it before.
    pub(super) size: u64,
    /// Whether it is a manifest or an index.
    pub(super) is_document: bool,
}

/// What becomes of the blobs of an archive. Each is hashed on its way.
pub(super) trait Blobs {
    /// Whether one is there, with this size.
    fn has(&self, digest: &Digest, size: u64) -> bool;

    /// Takes one that is not there yet.
    fn take(&mut self, coming: &Coming<'_>, bytes: &mut dyn Read) -> Result<(), Error>;

    /// A manifest or index that is there.
    fn document(&mut self, digest: &Digest) -> Result<Vec<u8>, Error>;

    /// Whether nothing that is still to come is wanted.
    fn has_all(&self) -> bool {
        false
    }
}

impl Blobs for &Layout {
    fn has(&self, digest: &Digest, size: u64) -> bool {
        self.has_blob(digest, Some(size))
    }

    fn take(&mut self, coming: &Coming<'_>, bytes: &mut dyn Read) -> Result<(), Error> {
        let mut writer = self.blob_writer()?;
        coming.copy(bytes, &mut writer, self.path())?;
        match writer.commit(Some(&coming.digest)) {
            Ok(_) => Ok(()),
            Err(layout::Error::DigestMismatch { actual, .. }) => Err(coming.altered(&actual)),
            Err(error) => Err(error.into()),
        }
    }

    fn document(&mut self, digest: &Digest) -> Result<Vec<u8>, Error> {
        Ok(self.read_blob(digest)?)
    }
}

/// Looks at every byte and keeps none.
#[derive(Default)]
pub(super) struct Looking {
    seen: HashMap<Digest, u64>,
    documents: HashMap<Digest, Vec<u8>>,
}

impl Blobs for Looking {
    fn has(&self, digest: &Digest, size: u64) -> bool {
        self.seen.get(digest) == Some(&size)
    }

    fn take(&mut self, coming: &Coming<'_>, bytes: &mut dyn Read) -> Result<(), Error> {
        let actual = if coming.is_document {
            let document = super::archive_reader::whole_document(
                coming.archive,
                coming.name,
                coming.size,
                bytes,
            )?;
            let actual = Digest::of(&document);
            self.documents.insert(actual, document);
            actual
        } else {
            let mut hashed = Hashed::new(io::sink());
            coming.copy(bytes, &mut hashed, coming.archive)?;
            hashed.finish().1
        };
        if actual != coming.digest {
            return Err(coming.altered(&actual));
        }
        self.seen.insert(coming.digest, coming.size);
        Ok(())
    }

    fn document(&mut self, digest: &Digest) -> Result<Vec<u8>, Error> {
        // Each is asked for once, when it has come.
        Ok(self.documents.remove(digest).unwrap_or_default())
    }
}

/// No manifest, config or list of files that matters is larger, unless it is told by its
/// type or named by the record.
const DOCUMENT: u64 = 1 << 20;

/// Keeps what says what is in a bundle, and what builds read beside images; the rest is
/// passed over.
pub(super) struct Telling<'a> {
    layout: &'a Layout,
    /// What the record names itself.
    named: HashSet<Digest>,
    passed: HashSet<Digest>,
}

impl<'a> Telling<'a> {
    pub(super) fn new(layout: &'a Layout, record: &Record) -> Self {
        let fetched = record.fetched.iter().flat_map(|f| &f.files);
        let roots = record.extra_roots().iter().map(|root| root.digest);
        Self {
            layout,
            named: roots.chain(fetched.map(|file| file.digest)).collect(),
            passed: HashSet::new(),
        }
    }
}

impl Blobs for Telling<'_> {
    fn has(&self, digest: &Digest, size: u64) -> bool {
        self.passed.contains(digest) || self.layout.has(digest, size)
    }

    fn take(&mut self, coming: &Coming<'_>, bytes: &mut dyn Read) -> Result<(), Error> {
        let named = self.named.contains(&coming.digest);
        if coming.is_document || named || coming.size <= DOCUMENT {
            return self.layout.take(coming, bytes);
        }
        self.passed.insert(coming.digest);
        Ok(())
    }

    fn document(&mut self, digest: &Digest) -> Result<Vec<u8>, Error> {
        self.layout.document(digest)
    }
}

/// Keeps artifacts with their layers and passes over the rest.
pub(super) struct Chosen<'a> {
    layout: &'a Layout,
    /// Those that have not come yet.
    wanted: HashSet<Digest>,
    passed: HashSet<Digest>,
}

impl<'a> Chosen<'a> {
    pub(super) fn new(layout: &'a Layout, artifacts: &[Descriptor]) -> Self {
        Self {
            layout,
            wanted: artifacts.iter().map(|root| root.digest).collect(),
            passed: HashSet::new(),
        }
    }
}

impl Blobs for Chosen<'_> {
    fn has(&self, digest: &Digest, size: u64) -> bool {
        self.passed.contains(digest) || self.layout.has(digest, size)
    }

    fn take(&mut self, coming: &Coming<'_>, bytes: &mut dyn Read) -> Result<(), Error> {
        let wanted = self.wanted.remove(&coming.digest);
        if !wanted && !coming.is_document {
            self.passed.insert(coming.digest);
            return Ok(());
        }
        self.layout.take(coming, bytes)?;
        if wanted && coming.is_document {
            let artifact: Manifest = self.layout.read_json_blob(&coming.digest)?;
            let layers = artifact.layers.into_iter();
            let mut layers: HashSet<Digest> = layers.map(|layer| layer.digest).collect();
            layers.retain(|layer| !self.layout.has_blob(layer, None));
            self.wanted.extend(layers);
        }
        Ok(())
    }

    fn document(&mut self, digest: &Digest) -> Result<Vec<u8>, Error> {
        self.layout.document(digest)
    }

    fn has_all(&self) -> bool {
        self.wanted.is_empty()
    }
}

impl Coming<'_> {
    /// Copies all of its bytes; `place` is where they go.
    fn copy(&self, bytes: &mut dyn Read, to: &mut dyn Write, place: &Path) -> Result<(), Error> {
        let mut limited = bytes.take(self.size);
        let mut buffer = vec![0; 1 << 17];
        loop {
            let n = match limited.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(Error::io("read", self.archive)(e)),
            };
            if let Err(error) = to.write_all(&buffer[..n]) {
                return Err(Error::io("write", place)(error));
            }
        }
        if limited.limit() > 0 {
            return Err(cut(self.archive, Some(self.name)));
        }
        Ok(())
    }

    fn altered(&self, actual: &Digest) -> Error {
        Error::Altered {
            path: self.archive.to_owned(),
            what: self.name.to_owned(),
            why: format!("its bytes have the digest {actual}"),
        }
    }
}
