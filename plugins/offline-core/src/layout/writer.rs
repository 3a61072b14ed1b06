use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest as _, Sha256};

use super::{Digest, Error};

pub(super) const PREFIX: &str = ".partial-";

/// A finished blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Whether the layout did not hold it before.
    pub new: bool,
}

/// Hashes and counts what passes through to a writer.
pub(crate) struct Hashed<W> {
    inner: W,
    hasher: Sha256,
    size: u64,
}

impl<W> Hashed<W> {
    /// Starts with nothing written.
    pub(crate) fn new(inner: W) -> Self {
        Self {
            inner,
            hasher: Sha256::new(),
            size: 0,
        }
    }

    /// The writer, the digest of all that was written, and its size.
    pub(crate) fn finish(self) -> (W, Digest, u64) {
        let digest = Digest::from_bytes(self.hasher.finalize().into());
        (self.inner, digest, self.size)
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hasher.update(&buffer[..written]);
        self.size += written as u64;
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Writes one blob beside its place and hashes it on the way.
///
/// Dropped without a commit, nothing is left of it; only a writer of
/// [`super::Layout::resume_writer`] leaves its bytes for the next run.
pub struct BlobWriter {
    folder: PathBuf,
    path: PathBuf,
    file: File,
    hasher: Sha256,
    size: u64,
    keep: bool,
}

impl BlobWriter {
    pub(super) fn create(folder: &Path) -> Result<Self, Error> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("{PREFIX}{}-{number}", std::process::id());
            let path = folder.join(name);
            let file = match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => file,
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(e) => return Err(Error::io("create", path)(e)),
            };
            if lock(&file, &path)? {
                return Ok(Self::on(folder, path, file, false));
            }
        }
    }

    pub(super) fn resume(folder: &Path, digest: &Digest) -> Result<(Self, u64), Error> {
        let path = folder.join(format!("{PREFIX}{}", digest.hex()));
        loop {
            let file = OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .open(&path)
                .map_err(Error::io("create", &path))?;
            if !lock(&file, &path)? {
                continue;
            }
            let mut writer = Self::on(folder, path.clone(), file, true);
            let mut buffer = vec![0; 1 << 16];
            loop {
                let n = writer
                    .file
                    .read(&mut buffer)
                    .map_err(Error::io("read", &path))?;
                if n == 0 {
                    break;
                }
                writer.hasher.update(&buffer[..n]);
                writer.size += n as u64;
            }
            let already = writer.size;
            return Ok((writer, already));
        }
    }

    fn on(folder: &Path, path: PathBuf, file: File, keep: bool) -> Self {
        Self {
            folder: folder.to_owned(),
            path,
            file,
            hasher: Sha256::new(),
            size: 0,
            keep,
        }
    }

    /// How many bytes have been written, those of earlier runs included.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The unfinished file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The digest of what has been written so far.
    pub fn digest(&self) -> Digest {
        Digest::from_bytes(self.hasher.clone().finalize().into())
    }

    /// Forgets all bytes, those of earlier runs included.
    pub fn restart(&mut self) -> Result<(), Error> {
        use std::io::Seek;
        self.file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .map_err(Error::io("write", &self.path))?;
        self.hasher = Sha256::new();
        self.size = 0;
        Ok(())
    }

    /// Puts the blob in its place. With `expected`, other bytes are refused and
    /// removed. A blob that is already there is left as it is.
    pub fn commit(mut self, expected: Option<&Digest>) -> Result<Committed, Error> {
        let digest = self.digest();
        if let Some(expected) = expected.filter(|e| **e != digest) {
            self.keep = false;
            return Err(Error::DigestMismatch {
                expected: *expected,
                actual: digest,
            });
        }
        let place = self.folder.join(digest.hex());
        let mut committed = Committed {
            digest,
            size: self.size,
            new: false,
        };
        let there = fs::symlink_metadata(&place).is_ok_and(|m| m.is_file() && m.len() == self.size);
        self.keep = false;
        if !there {
            self.file
                .sync_all()
                .and_then(|()| fs::rename(&self.path, &place))
                .map_err(Error::io("write", place))?;
            committed.new = true;
        }
        Ok(committed)
    }
}

impl Write for BlobWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.file.write(buffer)?;
        self.hasher.update(&buffer[..written]);
        self.size += written as u64;
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        // After a rename this name is gone, and nobody else can have taken it:
        // the lock is still held.
        if !self.keep || self.size == 0 {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Takes the lock that says "in use"; false if the name was removed or replaced
/// before the lock was held, by a run that took the file for a leftover.
pub(super) fn lock(file: &File, path: &Path) -> Result<bool, Error> {
    flock(file, FlockOperation::LockExclusive)
        .map_err(|e| Error::io("lock", path)(io::Error::from(e)))?;
    let held = file.metadata().map_err(Error::io("read", path))?;
    Ok(fs::symlink_metadata(path).is_ok_and(|m| m.ino() == held.ino() && m.dev() == held.dev()))
}

/// Removes unfinished files that no running process holds; those that a download
/// can continue (named by their digest) stay.
pub(super) fn remove_leftovers(folder: &Path) -> Result<(), Error> {
    remove_partials(folder, PREFIX, |name| Digest::from_hex(name).is_err())
}

/// Removes unfinished files that no running process holds and `wanted` names.
pub(super) fn remove_partials(
    folder: &Path,
    prefix: &str,
    wanted: impl Fn(&str) -> bool,
) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let entry = entry.map_err(Error::io("read", folder))?;
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|n| n.strip_prefix(prefix)) else {
            continue;
        };
        if !wanted(rest) {
            continue;
        }
        let path = entry.path();
        if let Ok(file) = File::open(&path)
            && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
        {
            let _ = fs::remove_file(&path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Layout;
    use super::*;

    #[test]
    fn a_blob_appears_only_whole_and_only_once() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::create(dir.path()).unwrap();
        let mut writer = layout.blob_writer().unwrap();
        writer.write_all(b"hello").unwrap();
        let digest = writer.digest();
        assert!(!layout.has_blob(&digest, None));
        let committed = writer.commit(Some(&digest)).unwrap();
        assert!(committed.new);
        assert!(layout.has_blob(&digest, Some(5)));
        assert!(!layout.write_blob(b"hello").unwrap().new);
        assert_eq!(fs::read_dir(layout.blobs()).unwrap().count(), 1);
    }

    #[test]
    fn wrong_bytes_are_refused_and_leave_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::create(dir.path()).unwrap();
        let (mut writer, already) = layout.resume_writer(&Digest::of(b"right")).unwrap();
        assert_eq!(already, 0);
        writer.write_all(b"wrong").unwrap();
        let error = writer.commit(Some(&Digest::of(b"right"))).unwrap_err();
        assert!(matches!(error, Error::DigestMismatch { .. }));
        assert_eq!(fs::read_dir(layout.blobs()).unwrap().count(), 0);
    }

    #[test]
    fn a_cut_download_continues_where_it_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::create(dir.path()).unwrap();
        let digest = Digest::of(b"hello world");
        let (mut writer, _) = layout.resume_writer(&digest).unwrap();
        writer.write_all(b"hello ").unwrap();
        drop(writer);
        let layout = Layout::create(dir.path()).unwrap();
        let (mut writer, already) = layout.resume_writer(&digest).unwrap();
        assert_eq!(already, 6);
        writer.write_all(b"world").unwrap();
        assert!(writer.commit(Some(&digest)).unwrap().new);
    }

    #[test]
    fn leftovers_go_but_files_in_use_stay() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::create(dir.path()).unwrap();
        let used = layout.blob_writer().unwrap();
        let dead = layout.blobs().join(".partial-1-1");
        fs::write(&dead, "x").unwrap();
        Layout::create(dir.path()).unwrap();
        assert!(!dead.exists());
        assert!(used.path.exists());
    }
}
