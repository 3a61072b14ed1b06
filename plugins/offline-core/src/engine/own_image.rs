//! An image of our own program, for what has to be done in a container.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::{Docker, Error};
use crate::error::{Explain, Failure, Kind, io_kind};
use crate::layout::{Digest, append_entry};

/// The program cannot be put into an image.
#[derive(Debug, thiserror::Error)]
#[error("cannot put {program} into a container", program = program.display())]
pub struct ProgramError {
    /// The file.
    pub program: PathBuf,
    /// The cause.
    pub source: std::io::Error,
}

impl Explain for ProgramError {
    fn kind(&self) -> Kind {
        io_kind(&self.source)
    }

    fn hint(&self) -> Option<String> {
        Some(
            "run the installed command, which is static, or install it again with install.sh"
                .into(),
        )
    }
}

/// The name of the image; its tag says what is in it.
const NAME: &str = "docker-offline.invalid/replay";

/// Where the program is in it.
pub(crate) const PROGRAM: &str = "docker-offline";

/// The same as a path.
pub(crate) const PATH: &str = "/docker-offline";

/// Loads an image from scratch with the running program as its only file, and gives
/// its name, and whether it was not there before. `command` is what it runs if nothing
/// else is asked for.
pub(crate) fn load(
    docker: &Docker,
    platform: &str,
    command: &str,
) -> Result<(String, bool), Failure> {
    load_as(docker, platform, NAME, command)
}

/// The same, under another name than that which it has by itself.
pub(crate) fn load_as(
    docker: &Docker,
    platform: &str,
    name: &str,
    command: &str,
) -> Result<(String, bool), Failure> {
    let program = std::env::current_exe().map_err(|source| ProgramError {
        program: "the running program".into(),
        source,
    })?;
    let failed = |source| ProgramError {
        program: program.clone(),
        source,
    };
    let bytes = std::fs::read(&program).map_err(failed)?;
    if asks_for_interpreter(&bytes) {
        let source = std::io::Error::other("it is linked dynamically, and would not run there");
        return Err(failed(source).into());
    }
    let layer = layer(&bytes).map_err(failed)?;
    let digest = Digest::of(&layer);
    let name = format!("{name}:{}", &digest.hex()[..12]);
    if !docker.local_images(std::slice::from_ref(&name))?.is_empty() {
        return Ok((name, false));
    }
    let (os, architecture) = platform.split_once('/').unwrap_or(("linux", platform));
    let config = json!({
        "os": os,
        "architecture": architecture.split('/').next().unwrap_or(architecture),
        "config": {"Entrypoint": [format!("/{PROGRAM}"), command]},
        "rootfs": {"type": "layers", "diff_ids": [digest.to_string()]},
        "history": [{"created_by": "docker offline"}],
    });
    let config = config.to_string();
    let manifest = json!([{
        "Config": "config.json",
        "RepoTags": [name],
        "Layers": ["layer.tar"],
    }]);
    let manifest = manifest.to_string();
    let documents = [
        ("manifest.json", manifest.as_bytes()),
        ("config.json", config.as_bytes()),
        ("layer.tar", &layer[..]),
    ];
    let loaded = hand_over(docker, &name, &documents);
    if loaded.is_err() && docker.check_interrupt().is_err() {
        remove(docker, &name);
    }
    loaded.map(|()| (name, true))
}

fn hand_over(docker: &Docker, name: &str, documents: &[(&str, &[u8])]) -> Result<(), Failure> {
    docker.load(|out: &mut dyn Write| {
        let mut tar = tar::Builder::new(out);
        for (name, bytes) in documents {
            append_entry(&mut tar, name, bytes.len() as u64, *bytes)?;
        }
        tar.finish().map_err(crate::layout::write_failed)
    })??;
    // A containerd store may say that it loaded what it did not (fact 37).
    docker.local_image(name)?;
    Ok(())
}

/// How often an image is tried to be removed, and how long is waited between.
const REMOVALS: u32 = 10;
const BETWEEN_REMOVALS: Duration = Duration::from_millis(200);

/// Takes an image of ours away, unless a container needs it; also after an interrupt, which
/// ends every other command. The engine may then be about to load it, or to end the last
/// container of it: the removal is tried again.
pub(crate) fn remove(docker: &Docker, name: &str) {
    let interrupted = docker.check_interrupt().is_err();
    let docker = docker.clone().without_interrupt();
    for _ in 0..if interrupted { REMOVALS } else { 1 } {
        if docker.remove_image(name).is_ok() {
            return;
        }
        std::thread::sleep(BETWEEN_REMOVALS);
    }
}

/// The names of all images of ours.
pub(crate) fn all(docker: &Docker) -> Result<Vec<String>, Error> {
    all_as(docker, NAME)
}

/// Those under another name.
pub(crate) fn all_as(docker: &Docker, name: &str) -> Result<Vec<String>, Error> {
    docker.names_of(name)
}

fn layer(program: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::with_capacity(program.len() + 4096));
    let mut header = tar::Header::new_ustar();
    header.set_size(program.len() as u64);
    header.set_mode(0o755);
    header.set_mtime(0);
    tar.append_data(&mut header, PROGRAM, program)?;
    tar.into_inner()
}

/// Whether an ELF file names a loader, `PT_INTERP` in its program headers.
fn asks_for_interpreter(bytes: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
    let number = |at: usize, length: usize| -> Option<u64> {
        let mut little = [0; 8];
        little[..length].copy_from_slice(bytes.get(at..at + length)?);
        Some(u64::from_le_bytes(little))
    };
    // 64 bits, little endian: every platform that this is built for.
    if bytes.get(..6) != Some(b"\x7fELF\x02\x01") {
        return true;
    }
    let (Some(first), Some(size), Some(count)) = (number(32, 8), number(54, 2), number(56, 2))
    else {
        return true;
    };
    (0..count).any(|n| {
        let at = usize::try_from(first + n * size).unwrap_or(usize::MAX);
        number(at, 4) == Some(u64::from(PT_INTERP))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_a_loader_is_told_from_a_static_one() {
        let mut elf = vec![0; 64 + 2 * 56];
        elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
        elf[32] = 64;
        elf[54] = 56;
        elf[56] = 2;
        elf[64] = 1;
        assert!(!asks_for_interpreter(&elf));
        elf[64 + 56] = 3;
        assert!(asks_for_interpreter(&elf));
        assert!(asks_for_interpreter(b"#!/bin/sh"));
        assert!(asks_for_interpreter(b"\x7fELF\x02\x01"));
    }
}
