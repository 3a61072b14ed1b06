use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use base64::Engine as _;

use crate::bundle::{EntryKind, OmittedFile, WantedFile, walk_context};
use crate::error::{Explain, Kind, io_kind};
use crate::layout::Digest;

/// Rights without which a copy cannot be filled, sent and removed.
const OWN_FOLDER: u32 = 0o700;
const OWN_FILE: u32 = 0o400;

/// Why a copy of a build context could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum Error {
    /// The request file cannot be laid over it.
    #[error("{path} of service {service} cannot be laid over the project: {why}")]
    Refused {
        /// The service.
        service: String,
        /// The path below its context.
        path: String,
        /// Why not.
        why: &'static str,
    },
    /// A file could not be read or written.
    #[error("cannot copy {path}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The project's own context cannot be read.
    #[error(transparent)]
    Context(#[from] crate::bundle::Error),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Refused { .. } => Kind::NotABundle,
            Self::Io { source, .. } => io_kind(source),
            Self::Context(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Refused { .. } => "write the request file again on the site, with docker offline build --wanted wanted.json; if it stays so, make the same edit in this project by hand and export again".into(),
            Self::Io { .. } => "free space in the folder for temporary files, or name another one with TMPDIR, then run the same command again".into(),
            Self::Context(error) => return error.hint(),
        })
    }
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { path, source }
}

/// The copy of one build context; the original is only read.
pub(super) struct Overlay<'a> {
    pub(super) service: &'a str,
    /// The project's own.
    pub(super) original: &'a Path,
    /// The copy.
    pub(super) folder: PathBuf,
}

impl Overlay<'_> {
    /// Copies what a build takes of the original, and the ignore file that decides it.
    pub(super) fn copy(&self, dockerfile: Option<&Path>) -> Result<(), Error> {
        make_folder(&self.folder)?;
        let mut failed = None;
        walk_context(self.original, dockerfile, &mut |below, path, metadata| {
            if failed.is_none() {
                failed = copy_entry(path, metadata, &self.folder.join(below)).err();
            }
            Ok(())
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        let ignored = self.original.join(".dockerignore");
        if ignored.is_file() {
            copy_file(&ignored, &self.folder.join(".dockerignore"))?;
        }
        Ok(())
    }

    /// Makes every path what it is on the site.
    pub(super) fn lay(&self, files: &[WantedFile]) -> Result<(), Error> {
        let mut files: Vec<&WantedFile> = files.iter().collect();
        // A folder comes before what lies in it.
        files.sort_by(|a, b| a.path.split('/').cmp(b.path.split('/')));
        for file in files {
            self.lay_one(file)?;
        }
        Ok(())
    }

    fn lay_one(&self, file: &WantedFile) -> Result<(), Error> {
        let Some(kind) = file.kind else {
            // What lies behind something that is no folder any more is gone with it.
            if let Some(place) = self.place(&file.path, false)? {
                remove(&place)?;
            }
            return Ok(());
        };
        let place = self.place(&file.path, true)?;
        let refused = |why| self.refused(&file.path, why);
        let place = place.ok_or_else(|| refused("its path leads through a link or a file"))?;
        match kind {
            EntryKind::File => {
                let bytes = content(file).map_err(refused)?;
                remove(&place)?;
                write(&place, &bytes, file.mode)
            }
            EntryKind::Folder => {
                if !fs::symlink_metadata(&place).is_ok_and(|m| m.is_dir()) {
                    remove(&place)?;
                    make_folder(&place)?;
                }
                set_mode(&place, file.mode | OWN_FOLDER)
            }
            EntryKind::Link => {
                let target = file.link.as_deref().filter(|t| !t.contains('\0'));
                let target = target.ok_or_else(|| refused("it is a link to nothing"))?;
                remove(&place)?;
                symlink(target, &place).map_err(io(&place))
            }
            EntryKind::Special => Ok(()),
        }
    }

    /// Takes a file whose content the request file does not hold from the original;
    /// says what is wrong with it.
    pub(super) fn take(&self, file: &OmittedFile) -> Result<Option<String>, Error> {
        let original = Self {
            service: self.service,
            original: self.original,
            folder: self.original.to_owned(),
        };
        let found = original
            .place(&file.path, false)?
            .filter(|path| fs::symlink_metadata(path).is_ok_and(|m| m.is_file()));
        let (Some(found), Some(place)) = (found, self.place(&file.path, true)?) else {
            return Ok(Some("this project has none of that path".into()));
        };
        remove(&place)?;
        copy_file(&found, &place)?;
        let Some(expected) = file.sha256 else {
            return Ok(None);
        };
        let bytes = fs::File::open(&place).map_err(io(&place))?;
        let (actual, _) = crate::layout::hash_reader(bytes, &|_| ()).map_err(io(&place))?;
        let other = "that of this project is taken, which is another".to_owned();
        Ok((actual != expected).then_some(other))
    }

    /// Puts the Dockerfile's text at its place in the copy.
    pub(super) fn dockerfile(&self, below: &str, text: &str) -> Result<PathBuf, Error> {
        let place = self.place(below, true)?;
        let place =
            place.ok_or_else(|| self.refused(below, "its path leads through a link or a file"))?;
        remove(&place)?;
        write(&place, text.as_bytes(), 0o644)?;
        Ok(place)
    }

    /// Where a path is, never through a link; folders on the way are made where
    /// `make` says so. `None` where something else is in the way, or nothing is there.
    fn place(&self, below: &str, make: bool) -> Result<Option<PathBuf>, Error> {
        let mut place = self.folder.clone();
        let parts: Vec<&str> = below.split('/').collect();
        // Checked when it was read; to write elsewhere is worth a second look.
        let strange = |part: &&str| matches!(*part, "" | "." | "..") || part.contains('\0');
        let Some((last, folders)) = parts.split_last().filter(|_| !parts.iter().any(strange))
        else {
            return Err(self.refused(below, "it is not a path that stays in its folder"));
        };
        for part in folders {
            place.push(part);
            match fs::symlink_metadata(&place) {
                Ok(found) if found.is_dir() => {}
                Err(error) if error.kind() == ErrorKind::NotFound && make => make_folder(&place)?,
                Ok(_) => return Ok(None),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(io(&place)(error)),
            }
        }
        place.push(last);
        Ok(Some(place))
    }

    fn refused(&self, path: &str, why: &'static str) -> Error {
        Error::Refused {
            service: self.service.to_owned(),
            path: path.chars().take(200).collect(),
            why,
        }
    }
}

/// What a file holds, which must be what its size and digest say.
fn content(file: &WantedFile) -> Result<Vec<u8>, &'static str> {
    let bytes = match (&file.text, &file.base64) {
        (Some(text), _) => text.clone().into_bytes(),
        (None, Some(text)) => base64::engine::general_purpose::STANDARD
            .decode(text)
            .map_err(|_| "its content is not base64")?,
        (None, None) => return Err("its content is missing"),
    };
    let fits = file.size.is_none_or(|size| size == bytes.len() as u64)
        && file
            .sha256
            .is_none_or(|digest| digest == Digest::of(&bytes));
    fits.then_some(bytes)
        .ok_or("its content is not what its digest says")
}

fn copy_entry(path: &Path, metadata: &fs::Metadata, to: &Path) -> Result<(), Error> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(io(parent))?;
    }
    if metadata.is_symlink() {
        let target = fs::read_link(path).map_err(io(path))?;
        symlink(target, to).map_err(io(to))
    } else if metadata.is_dir() {
        fs::create_dir_all(to).map_err(io(to))?;
        set_mode(to, metadata.permissions().mode() | OWN_FOLDER)
    } else if metadata.is_file() {
        copy_file(path, to)
    } else {
        Ok(())
    }
}

fn copy_file(from: &Path, to: &Path) -> Result<(), Error> {
    fs::copy(from, to).map(|_| ()).map_err(io(from))
}

fn make_folder(path: &Path) -> Result<(), Error> {
    fs::create_dir(path).map_err(io(path))
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(path).map_err(io(path))?;
    file.write_all(bytes).map_err(io(path))?;
    set_mode(path, mode | OWN_FILE)
}

fn set_mode(path: &Path, mode: u32) -> Result<(), Error> {
    let mode = fs::Permissions::from_mode(mode & 0o7777);
    fs::set_permissions(path, mode).map_err(io(path))
}

fn remove(path: &Path) -> Result<(), Error> {
    let removed = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => Err(error),
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    };
    removed.map_err(io(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, kind: Option<EntryKind>, text: Option<&str>) -> WantedFile {
        WantedFile {
            path: path.into(),
            kind,
            mode: 0o644,
            size: text.map(|t| t.len() as u64),
            sha256: text.map(|t| Digest::of(t.as_bytes())),
            text: text.map(str::to_owned),
            base64: None,
            link: None,
        }
    }

    fn link(path: &str, to: &str) -> WantedFile {
        WantedFile {
            link: Some(to.into()),
            ..file(path, Some(EntryKind::Link), None)
        }
    }

    #[test]
    fn the_copy_is_what_the_site_has_and_the_original_stays() {
        let dir = tempfile::tempdir().unwrap();
        let original = dir.path().join("api");
        fs::create_dir_all(original.join("src/old")).unwrap();
        for (name, text) in [
            ("requirements.txt", "idna"),
            ("src/old/a", "a"),
            ("kept", "k"),
            ("ignored", "i"),
            ("big", "b"),
            (".dockerignore", "ignored"),
        ] {
            fs::write(original.join(name), text).unwrap();
        }
        let overlay = Overlay {
            service: "api",
            original: &original,
            folder: dir.path().join("copy"),
        };
        overlay.copy(None).unwrap();
        assert!(!overlay.folder.join("ignored").exists());
        let folder = Some(EntryKind::Folder);
        overlay
            .lay(&[
                file("requirements.txt", Some(EntryKind::File), Some("httpx")),
                file("src/old/a", None, None),
                link("src/old", "new"),
                file("src/new", folder, None),
                file("src/new/b", Some(EntryKind::File), Some("b")),
                file("nothing/here", None, None),
            ])
            .unwrap();
        let read = |name: &str| fs::read_to_string(overlay.folder.join(name)).unwrap();
        assert_eq!(read("requirements.txt"), "httpx");
        assert_eq!(read("src/old/b"), "b");
        assert_eq!(read("kept"), "k");
        let omitted = |path: &str, sha256| OmittedFile {
            path: path.into(),
            sha256,
            ..OmittedFile::default()
        };
        let same = Some(Digest::of(b"b"));
        assert_eq!(overlay.take(&omitted("big", same)).unwrap(), None);
        assert!(overlay.take(&omitted("ignored", same)).unwrap().is_some());
        assert!(overlay.take(&omitted("absent", same)).unwrap().is_some());
        let text = fs::read_to_string(original.join("requirements.txt"));
        assert_eq!(text.unwrap(), "idna");
        assert!(original.join("src/old/a").is_file());
    }

    #[test]
    fn nothing_is_written_outside_of_the_copy() {
        let dir = tempfile::tempdir().unwrap();
        let original = dir.path().join("api");
        fs::create_dir_all(&original).unwrap();
        let outside = dir.path().join("outside");
        fs::create_dir_all(&outside).unwrap();
        symlink(&outside, original.join("there")).unwrap();
        fs::write(outside.join("secret"), "s").unwrap();
        let overlay = Overlay {
            service: "api",
            original: &original,
            folder: dir.path().join("copy"),
        };
        overlay.copy(None).unwrap();
        let text = Some("x");
        for files in [
            vec![file("there/x", Some(EntryKind::File), text)],
            vec![link("a", ".."), file("a/x", Some(EntryKind::File), text)],
            vec![file("../x", Some(EntryKind::File), text)],
            vec![file("/x", Some(EntryKind::File), text)],
            vec![file("b\0c", Some(EntryKind::File), text)],
        ] {
            let error = overlay.lay(&files).unwrap_err();
            assert!(matches!(error, Error::Refused { .. }), "{error}");
        }
        let mut altered = file("c", Some(EntryKind::File), text);
        altered.sha256 = Some(Digest::of(b"y"));
        assert!(overlay.lay(&[altered]).is_err());
        overlay.lay(&[file("there/secret", None, None)]).unwrap();
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
        let secret = OmittedFile {
            path: "there/secret".into(),
            ..OmittedFile::default()
        };
        assert!(overlay.take(&secret).unwrap().is_some());
    }
}
