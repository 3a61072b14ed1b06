use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::Error;

/// The installer, as it is in the source tree.
const INSTALL_SH: &str = include_str!("../../../../scripts/install.sh");
/// What it is called: by the second name where the first is taken.
const NAMES: [&str; 2] = ["install.sh", "docker-offline-install.sh"];
/// What every version of it says, and no other file.
const MARK: &[u8] = b"# Installs docker-offline from the folder this script lies in";

/// Puts the binaries and the installer beside the archive, so that a host without
/// anything can begin. Files that are already the same are left as they are, and so is an
/// `install.sh` of the project's own: many projects have one.
pub(super) fn put(folder: &Path, binaries: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut put = Vec::new();
    for binary in binaries {
        let Some(name) = binary.file_name() else {
            continue;
        };
        let place = folder.join(name);
        let bytes = fs::read(binary).map_err(|source| failed(binary, source))?;
        replace(&place, &bytes)?;
        put.push(place);
    }
    let installer = installer(folder)?;
    replace(&installer, INSTALL_SH.as_bytes())?;
    put.push(installer);
    Ok(put)
}

/// Where the installer may be written: where nothing is, or one of ours.
fn installer(folder: &Path) -> Result<PathBuf, Error> {
    let mut places = NAMES.iter().map(|name| folder.join(name));
    let free = places.find(|place| place.symlink_metadata().is_err() || is_ours(place));
    free.ok_or_else(|| {
        let taken = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        failed(&folder.join(NAMES[1]), taken)
    })
}

/// Told by how it begins: an installer of somebody else may be as large as what it installs.
fn is_ours(place: &Path) -> bool {
    let mut start = Vec::new();
    let read = fs::File::open(place).and_then(|file| file.take(256).read_to_end(&mut start));
    read.is_ok() && start.windows(MARK.len()).any(|text| text == MARK)
}

/// The files of an earlier export beside an archive; an `install.sh` of the user's own is
/// none of them.
pub(super) fn written(folder: &Path, binaries: &[PathBuf]) -> Vec<PathBuf> {
    let names = binaries.iter().filter_map(|binary| binary.file_name());
    let mut all: Vec<PathBuf> = names.map(|name| folder.join(name)).collect();
    all.retain(|place| place.is_file());
    let installers = NAMES.iter().map(|name| folder.join(name));
    all.extend(installers.filter(|place| is_ours(place)));
    all
}

fn replace(place: &Path, bytes: &[u8]) -> Result<(), Error> {
    let fail = |source| failed(place, source);
    if fs::read(place).is_ok_and(|held| held == bytes) {
        return Ok(());
    }
    let folder = place.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".docker-offline-partial-")
        .tempfile_in(folder)
        .map_err(fail)?;
    file.write_all(bytes).map_err(fail)?;
    let mode = fs::Permissions::from_mode(0o755);
    file.as_file().set_permissions(mode).map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    file.persist(place).map_err(|e| failed(place, e.error))?;
    Ok(())
}

fn failed(path: &Path, source: std::io::Error) -> Error {
    Error::Write {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installer_of_the_project_stays() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let names = |put: Vec<PathBuf>| -> Vec<String> {
            let name = |p: &PathBuf| p.file_name().unwrap().to_string_lossy().into_owned();
            put.iter().map(name).collect()
        };
        assert_eq!(names(put(folder.path(), &[]).unwrap()), ["install.sh"]);
        // One of another version is replaced.
        let older = INSTALL_SH.replace("--uninstall", "--remove");
        fs::write(at("install.sh"), older).unwrap();
        put(folder.path(), &[]).unwrap();
        assert_eq!(fs::read_to_string(at("install.sh")).unwrap(), INSTALL_SH);

        fs::write(at("install.sh"), "#!/bin/sh\necho mine\n").unwrap();
        let other = ["docker-offline-install.sh"];
        assert_eq!(names(put(folder.path(), &[]).unwrap()), other);
        assert_eq!(names(put(folder.path(), &[]).unwrap()), other);
        assert_eq!(names(written(folder.path(), &[])), other);
        let own = fs::read_to_string(at("install.sh")).unwrap();
        assert_eq!(own, "#!/bin/sh\necho mine\n");

        fs::write(at(other[0]), "mine too").unwrap();
        assert!(put(folder.path(), &[]).is_err());
        assert_eq!(fs::read_to_string(at(other[0])).unwrap(), "mine too");
    }
}
