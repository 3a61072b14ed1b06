use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ignore::{IgnoreRules, Inherited};
use super::{Error, ignore};
use crate::layout::{self, Committed, Digest, Layout};

/// What a build context held at export, so that a miss can be explained file
/// by file: path, mode and content are part of a COPY step's key, times and
/// owners are not (measured).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// By path below the context, with slashes.
    pub entries: BTreeMap<String, InventoryEntry>,
}

/// One file, folder or link of a build context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryEntry {
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits.
    pub mode: u32,
    /// Size in bytes of a regular file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Digest of a regular file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// Digest of a text file with CRLF as LF, where that differs or where it
    /// tells a converted file from an edited one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Digest>,
    /// Target of a symbolic link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// The kind of an [`InventoryEntry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A device, pipe or socket.
    Special,
}

/// One difference between two inventories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The path below the context.
    pub path: String,
    /// What is different.
    pub what: Change,
}

/// What is different about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Only the new context has it.
    Appeared,
    /// Only the old context has it.
    Vanished,
    /// Its bytes, or its link's target.
    Content,
    /// Its permission bits.
    Mode,
    /// Its line ends only.
    LineEndings,
    /// A file became a folder or a link, or the like.
    Kind,
}

impl Change {
    /// What is different, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Appeared => "new",
            Self::Vanished => "gone",
            Self::Content => "changed",
            Self::Mode => "other permissions",
            Self::LineEndings => "other line ends",
            Self::Kind => "another kind of file",
        }
    }
}

impl Inventory {
    /// Walks a build context as BuildKit would send it.
    ///
    /// The rules are those of `<dockerfile>.dockerignore` if it exists, else of
    /// `.dockerignore` in the context.
    pub fn of_context(context: &Path, dockerfile: Option<&Path>) -> Result<Self, Error> {
        let mut inventory = Self::default();
        walk_context(context, dockerfile, &mut |below, path, metadata| {
            let found = InventoryEntry::read(path, metadata)?;
            inventory.entries.insert(below.to_owned(), found);
            Ok(())
        })?;
        Ok(inventory)
    }

    /// Stores the inventory as a blob.
    pub fn store(&self, layout: &Layout) -> Result<Committed, Error> {
        let bytes = serde_json::to_vec(self).map_err(|source| layout::Error::Malformed {
            what: "the inventory".into(),
            source,
        })?;
        Ok(layout.write_blob(&bytes)?)
    }

    /// Reads an inventory back.
    pub fn load(layout: &Layout, digest: &Digest) -> Result<Self, Error> {
        Ok(layout.read_json_blob(digest)?)
    }

    /// What differs in `new`, by path.
    pub fn compare(&self, new: &Self) -> Vec<Difference> {
        let mut differences: Vec<Difference> = self
            .entries
            .iter()
            .filter_map(|(path, old)| {
                let what = match new.entries.get(path) {
                    None => Change::Vanished,
                    Some(new) => old.change(new)?,
                };
                Some(Difference {
                    path: path.clone(),
                    what,
                })
            })
            .collect();
        for path in new
            .entries
            .keys()
            .filter(|p| !self.entries.contains_key(*p))
        {
            differences.push(Difference {
                path: path.clone(),
                what: Change::Appeared,
            });
        }
        differences.sort_by(|a, b| a.path.cmp(&b.path));
        differences
    }
}

fn is_of_an_export(path: &Path, metadata: &fs::Metadata) -> bool {
    if metadata.is_dir() {
        return path.join("oci-layout").is_file();
    }
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with("build-cache-") && name.contains(".tar"))
}

impl InventoryEntry {
    fn read(path: &Path, metadata: &fs::Metadata) -> Result<Self, Error> {
        let kind = metadata.file_type();
        let mut entry = Self {
            kind: EntryKind::File,
            mode: metadata.mode() & 0o7777,
            size: None,
            sha256: None,
            text: None,
            link: None,
        };
        if kind.is_symlink() {
            let target = fs::read_link(path).map_err(Error::io("read", path))?;
            entry.kind = EntryKind::Link;
            entry.link = Some(target.to_string_lossy().into_owned());
        } else if kind.is_dir() {
            entry.kind = EntryKind::Folder;
        } else if kind.is_fifo()
            || kind.is_socket()
            || kind.is_char_device()
            || kind.is_block_device()
        {
            // Opening a pipe would wait for ever.
            entry.kind = EntryKind::Special;
        } else {
            let (size, bytes, text) = hash(path)?;
            entry.size = Some(size);
            entry.sha256 = Some(bytes);
            entry.text = text.filter(|text| *text != bytes);
        }
        Ok(entry)
    }

    fn change(&self, new: &Self) -> Option<Change> {
        let text = |entry: &Self| entry.text.or(entry.sha256);
        if self.kind != new.kind {
            Some(Change::Kind)
        } else if self.sha256 != new.sha256 && text(self) == text(new) {
            Some(Change::LineEndings)
        } else if self.sha256 != new.sha256 || self.link != new.link {
            Some(Change::Content)
        } else if self.mode != new.mode && self.kind != EntryKind::Link {
            Some(Change::Mode)
        } else {
            None
        }
    }
}

/// Takes one entry: its path below the context with slashes, its path, and what
/// the file system says of it.
type Visit<'a> = &'a mut dyn FnMut(&str, &Path, &fs::Metadata) -> Result<(), Error>;

/// Visits what a build context holds once its ignore file is applied, without
/// reading any file. What an export left in it is passed over: no step takes it
/// by name, and it is gigabytes that are never the same.
pub fn walk_context(
    context: &Path,
    dockerfile: Option<&Path>,
    visit: Visit<'_>,
) -> Result<(), Error> {
    let rules = ignore_rules(context, dockerfile)?;
    let mut folders = vec![(String::new(), Inherited::new())];
    while let Some((folder, inherited)) = folders.pop() {
        let path = context.join(&folder);
        for entry in fs::read_dir(&path).map_err(Error::io("read", &path))? {
            let entry = entry.map_err(Error::io("read", &path))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let below = if folder.is_empty() {
                name
            } else {
                format!("{folder}/{name}")
            };
            let (excluded, own) = rules.matches(&below, &inherited);
            let metadata = entry.metadata().map_err(Error::io("read", entry.path()))?;
            if is_of_an_export(&entry.path(), &metadata) {
                continue;
            }
            if !excluded {
                visit(&below, &entry.path(), &metadata)?;
            }
            if metadata.is_dir() && (!excluded || rules.has_exceptions()) {
                folders.push((below, own));
            }
        }
    }
    Ok(())
}

/// Where these rules stand; the file need not exist.
pub(super) fn ignore_file(context: &Path, dockerfile: Option<&Path>) -> PathBuf {
    let beside = dockerfile.map(|path| {
        let mut name = path.as_os_str().to_owned();
        name.push(".dockerignore");
        PathBuf::from(name)
    });
    beside
        .filter(|path| path.symlink_metadata().is_ok())
        .unwrap_or_else(|| context.join(".dockerignore"))
}

/// The rules of a build: those of `<dockerfile>.dockerignore` if it exists, else
/// of `.dockerignore` in the context.
pub fn ignore_rules(
    context: &Path,
    dockerfile: Option<&Path>,
) -> Result<ignore::IgnoreRules, Error> {
    let path = ignore_file(context, dockerfile);
    match fs::read(&path) {
        Ok(bytes) => IgnoreRules::parse(&String::from_utf8_lossy(&bytes), &path),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(IgnoreRules::default()),
        Err(e) => Err(Error::io("read", path)(e)),
    }
}

/// Size, digest, and the digest with CRLF as LF.
fn hash(path: &Path) -> Result<(u64, Digest, Option<Digest>), Error> {
    use sha2::{Digest as _, Sha256};
    let read = Error::io("read", path);
    let scan = || -> std::io::Result<_> {
        let mut reader = BufReader::with_capacity(1 << 16, File::open(path)?);
        let (mut raw, mut text) = (Sha256::new(), Sha256::new());
        let (mut size, mut binary, mut carried) = (0, false, false);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let n = reader.read(&mut buffer)?;
            let chunk = &buffer[..n];
            if n == 0 {
                break;
            }
            size += n as u64;
            raw.update(chunk);
            binary |= chunk.contains(&0);
            if !binary {
                // A CR is only dropped once the LF behind it is seen.
                let mut unix = Vec::with_capacity(n + 1);
                for &byte in chunk {
                    if carried && byte != b'\n' {
                        unix.push(b'\r');
                    }
                    carried = byte == b'\r';
                    if !carried {
                        unix.push(byte);
                    }
                }
                text.update(&unix);
            }
        }
        if carried {
            text.update(b"\r");
        }
        let digest = |hasher: Sha256| Digest::from_bytes(hasher.finalize().into());
        Ok((size, digest(raw), (!binary).then(|| digest(text))))
    };
    scan().map_err(read)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn tells_an_edit_from_a_conversion_and_a_changed_mode() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        for name in [
            "edited",
            "converted",
            "sub/chmod",
            "gone",
            "kind",
            "ignored.log",
        ] {
            write(name, "a\nb\n");
        }
        write(".dockerignore", "*.log\n");
        let old = Inventory::of_context(dir.path(), None).unwrap();
        assert!(!old.entries.contains_key("ignored.log"));
        write("edited", "a\nc\n");
        write("converted", "a\r\nb\r\n");
        fs::set_permissions(
            dir.path().join("sub/chmod"),
            fs::Permissions::from_mode(0o600),
        )
        .unwrap();
        fs::remove_file(dir.path().join("gone")).unwrap();
        fs::remove_file(dir.path().join("kind")).unwrap();
        std::os::unix::fs::symlink("edited", dir.path().join("kind")).unwrap();
        write("new", "");
        write("ignored.log", "other");
        let new = Inventory::of_context(dir.path(), None).unwrap();
        let found: Vec<(String, Change)> = old
            .compare(&new)
            .into_iter()
            .map(|d| (d.path, d.what))
            .collect();
        let expected = [
            ("converted", Change::LineEndings),
            ("edited", Change::Content),
            ("gone", Change::Vanished),
            ("kind", Change::Kind),
            ("new", Change::Appeared),
            ("sub/chmod", Change::Mode),
        ];
        assert_eq!(found, expected.map(|(p, c)| (p.to_owned(), c)));
    }

    #[test]
    fn passes_over_what_an_export_left() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("deploy/cache/blobs")).unwrap();
        fs::write(dir.path().join("deploy/compose.yaml"), "services: {}").unwrap();
        fs::write(dir.path().join("deploy/cache/oci-layout"), "{}").unwrap();
        fs::write(dir.path().join("deploy/cache/blobs/a"), "a").unwrap();
        fs::write(dir.path().join("deploy/build-cache-20260101.tar.zst"), "b").unwrap();
        let inventory = Inventory::of_context(dir.path(), None).unwrap();
        let paths: Vec<&str> = inventory.entries.keys().map(String::as_str).collect();
        assert_eq!(paths, ["deploy", "deploy/compose.yaml"]);
    }

    #[test]
    fn the_dockerfile_s_own_ignore_file_wins() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "").unwrap();
        fs::write(dir.path().join(".dockerignore"), "").unwrap();
        fs::write(dir.path().join("Dockerfile.dockerignore"), "*").unwrap();
        let dockerfile = dir.path().join("Dockerfile");
        let inventory = Inventory::of_context(dir.path(), Some(&dockerfile)).unwrap();
        assert!(inventory.entries.is_empty());
        assert_eq!(
            Inventory::of_context(dir.path(), None)
                .unwrap()
                .entries
                .len(),
            3
        );
    }
}
