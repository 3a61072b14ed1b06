use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::{Workspace, repository};

/// The four binaries, in a folder that engines see: those of
/// `DOCKER_OFFLINE_BIN_DIR`, else those of the release build.
pub fn binaries() -> &'static Path {
    static FOLDER: OnceLock<Workspace> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let from = built();
            let folder = Workspace::empty("bin");
            for name in NAMES {
                let file = from.join(name);
                fs::copy(&file, folder.join(name)).unwrap_or_else(|e| {
                    panic!("{}: {e}; build it first: make build", file.display())
                });
            }
            folder
        })
        .path()
}

const NAMES: [&str; 4] = [
    "docker-offline",
    "docker-offline-export",
    "docker-offline-build",
    "docker-offline-diagnose",
];

fn built() -> PathBuf {
    if let Some(folder) = std::env::var_os("DOCKER_OFFLINE_BIN_DIR") {
        return folder.into();
    }
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| repository().join("target"), PathBuf::from);
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    target.join(triple).join("release")
}
