use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::Error;

/// The installer, as it is in the source tree.
const INSTALL_SH: &str = include_str!("../../../../scripts/install.sh");

/// Puts the binaries and `install.sh` beside the archive, so that a host without
/// anything can begin. Files that are already the same are left as they are.
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
    let installer = folder.join("install.sh");
    replace(&installer, INSTALL_SH.as_bytes())?;
    put.push(installer);
    Ok(put)
}

/// The files of an earlier export beside an archive; an `install.sh` of the user's own is
/// none of them.
pub(super) fn written(folder: &Path, binaries: &[PathBuf]) -> Vec<PathBuf> {
    let names = binaries.iter().filter_map(|binary| binary.file_name());
    let mut all: Vec<PathBuf> = names.map(|name| folder.join(name)).collect();
    all.retain(|place| place.is_file());
    let installer = folder.join("install.sh");
    if fs::read(&installer).is_ok_and(|held| held == INSTALL_SH.as_bytes()) {
        all.push(installer);
    }
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
