//! Volumes of the engine, and the container of ours that has one.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Read};

use super::super::Error;
use super::inside::{ADD, CAT, EMPTY, Found, GET, INSIDE, LIST, LOOK, PLACE, PUT};
use crate::engine::{self, Docker, own_image};
use crate::error::Failure;
use crate::layout::Progress;

/// How large a volume is, as the engine says it.
#[derive(Debug)]
pub(super) struct Size {
    pub(super) text: String,
    /// About as many.
    pub(super) bytes: Option<u64>,
}

/// The sizes of all volumes whose driver tells them.
pub(super) fn sizes(docker: &Docker) -> Result<BTreeMap<String, Size>, engine::Error> {
    let format = "{{range .Volumes}}{{.Name}} {{.Size}}\n{{end}}";
    let output = docker.output(["system", "df", "--verbose", "--format", format])?;
    let text = String::from_utf8_lossy(&output.stdout);
    let sizes = text.lines().filter_map(|line| {
        let (name, size) = line.trim().split_once(' ')?;
        let size = Size {
            text: size.to_owned(),
            bytes: bytes_of(size),
        };
        Some((name.to_owned(), size))
    });
    Ok(sizes.collect())
}

/// `1.234MB`, as go-units writes it.
fn bytes_of(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(end);
    let factor: u64 = match unit {
        "B" => 1,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    let (whole, rest) = number.split_once('.').unwrap_or((number, ""));
    let mut bytes = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    let mut place = factor;
    for digit in rest.chars() {
        place /= 10;
        bytes += u64::from(digit.to_digit(10)?) * place;
    }
    Some(bytes)
}

/// The containers that use a volume, running or not, by name.
pub(super) fn users(docker: &Docker, volume: &str) -> Result<Vec<String>, engine::Error> {
    let filter = format!("volume={volume}");
    let list = ["ps", "--all", "--filter", &filter, "--format", "{{.Names}}"];
    let output = docker.output(list)?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().map(str::to_owned).collect())
}

/// The label of containers of ours.
const LABEL: &str = "docker-offline.volume";

/// Takes away the containers that a killed run has left with a volume: one that was made
/// and not begun is removed by nobody else.
pub(super) fn remove_ours(docker: &Docker, volume: &str) -> Result<(), engine::Error> {
    let filter = format!("volume={volume}");
    let ours = format!("label={LABEL}");
    let list = [
        "ps", "--all", "--quiet", "--filter", &filter, "--filter", &ours,
    ];
    let output = docker.output(list)?;
    for id in String::from_utf8_lossy(&output.stdout).lines() {
        match docker.output(["rm", "--force", id]) {
            // The engine may be about to remove it by itself.
            Ok(_) | Err(engine::Error::Failed { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Containers that are paused until this value goes.
pub(super) struct Paused<'a> {
    docker: &'a Docker,
    names: Vec<String>,
}

impl<'a> Paused<'a> {
    /// Pauses all that run with a volume.
    pub(super) fn those_with(docker: &'a Docker, volume: &str) -> Result<Self, engine::Error> {
        let filter = format!("volume={volume}");
        let running = "status=running";
        let list = ["ps", "--filter", &filter, "--filter", running];
        let output = docker.output(list.into_iter().chain(["--format", "{{.Names}}"]))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let mut paused = Self {
            docker,
            names: Vec::new(),
        };
        for name in text.lines() {
            docker.output(["pause", name])?;
            paused.names.push(name.to_owned());
        }
        Ok(paused)
    }
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        for name in &self.names {
            // Also after an interrupt, which ends every other command.
            let _ = self.docker.command(["unpause", name]).output();
        }
    }
}

/// Our program as an image, which is taken away again where it was not there.
pub(in crate::carried) struct Helper<'a> {
    docker: &'a Docker,
    image: String,
    new: bool,
}

impl<'a> Helper<'a> {
    pub(in crate::carried) fn new(docker: &'a Docker, platform: &str) -> Result<Self, Failure> {
        let (image, new) = own_image::load(docker, platform, INSIDE)?;
        Ok(Self { docker, image, new })
    }

    /// The image may be one that a killed run has left: it is taken away too. The engine
    /// keeps one that a container uses.
    pub(super) fn of_killed_run(&mut self) {
        self.new = true;
    }

    /// Reads a volume's tar.
    pub(super) fn read<T>(
        &self,
        volume: &str,
        read: &mut dyn FnMut(&mut dyn Read) -> Result<T, Error>,
    ) -> Result<T, Failure> {
        let args = self.args(volume, true, GET);
        Ok(self.docker.read_from(args, |from| read(from))??)
    }

    /// All that is in a volume.
    pub(in crate::carried) fn list(&self, volume: &str) -> Result<Vec<Found>, Failure> {
        let output = self.docker.output(self.args(volume, true, LIST))?;
        let lines = output
            .stdout
            .split(|b| *b == b'\n')
            .filter(|l| !l.is_empty());
        let found = lines.map(serde_json::from_slice).collect::<Result<_, _>>();
        Ok(found.map_err(|source| Error::Unreadable {
            what: format!("the volume {volume}"),
            source: io::Error::other(source),
        })?)
    }

    /// Reads one file of a volume.
    pub(in crate::carried) fn cat<T>(
        &self,
        volume: &str,
        path: &str,
        read: &mut dyn FnMut(&mut dyn Read) -> Result<T, Error>,
    ) -> Result<T, Failure> {
        let mut args = self.args(volume, true, CAT);
        args.push(path.into());
        Ok(self.docker.read_from(args, |from| read(from))??)
    }

    /// Puts what a tar has beside what is in a volume.
    pub(in crate::carried) fn add(
        &self,
        volume: &str,
        tar: impl Read,
        progress: Progress<'_>,
    ) -> Result<(), Failure> {
        self.give(volume, ADD, tar, progress)
    }

    /// Fills a volume from a compressed tar.
    pub(super) fn write(
        &self,
        volume: &str,
        tar: impl Read,
        progress: Progress<'_>,
    ) -> Result<(), Failure> {
        self.give(volume, PUT, tar, progress)
    }

    fn give(
        &self,
        volume: &str,
        what: &str,
        mut tar: impl Read,
        progress: Progress<'_>,
    ) -> Result<(), Failure> {
        let args = self.args(volume, false, what);
        self.docker
            .write_to(args, |out| {
                let mut buffer = vec![0; 1 << 17];
                loop {
                    let length = tar.read(&mut buffer)?;
                    if length == 0 {
                        return Ok(());
                    }
                    out.write_all(&buffer[..length])?;
                    progress(length as u64);
                }
            })?
            .map_err(|source: io::Error| Error::Unreadable {
                what: format!("the volume {volume}"),
                source,
            })?;
        Ok(())
    }

    /// Whether nothing is in a volume.
    pub(super) fn finds_empty(&self, volume: &str) -> Result<bool, engine::Error> {
        let output = self.docker.output(self.args(volume, true, LOOK))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim() == EMPTY)
    }

    fn args(&self, volume: &str, reads: bool, what: &str) -> Vec<OsString> {
        let end = if reads { ",readonly" } else { "" };
        let mount = format!("type=volume,src={volume},dst={PLACE}{end}");
        let entry = format!("/{}", own_image::PROGRAM);
        let mut args = vec!["run", "--rm", "--label", LABEL];
        if !reads {
            args.push("--interactive");
        }
        args.extend(["--network", "none", "--pull", "never", "--read-only"]);
        // Everything that a container prints is otherwise kept on the engine's disk, too.
        args.extend(["--log-driver", "none", "--user", "0:0", "--mount", &mount]);
        args.extend(["--entrypoint", &entry, &self.image, INSIDE, what]);
        args.into_iter().map(OsString::from).collect()
    }
}

impl Drop for Helper<'_> {
    fn drop(&mut self) {
        if self.new {
            own_image::remove(self.docker, &self.image);
        }
    }
}

/// A tar on its way; knows whether its end has come.
pub(super) struct Tail<'a> {
    inner: &'a mut dyn Read,
    progress: Progress<'a>,
    total: u64,
    zeros: u64,
}

impl<'a> Tail<'a> {
    pub(super) fn new(inner: &'a mut dyn Read, progress: Progress<'a>) -> Self {
        Self {
            inner,
            progress,
            total: 0,
            zeros: 0,
        }
    }

    /// How many bytes came, if they end as a tar does: with two blocks of zeros.
    pub(super) fn ended_well(&self) -> Option<u64> {
        (self.total.is_multiple_of(512) && self.zeros >= 1024).then_some(self.total)
    }
}

impl Read for Tail<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        let part = &buffer[..length];
        let zeros = part.iter().rev().take_while(|b| **b == 0).count();
        self.zeros = if zeros == length {
            self.zeros + zeros as u64
        } else {
            zeros as u64
        };
        self.total += length as u64;
        (self.progress)(length as u64);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_docker_writes_them() {
        for (text, bytes) in [
            ("0B", Some(0)),
            ("12.5kB", Some(12_500)),
            ("1.234MB", Some(1_234_000)),
            ("2GB", Some(2_000_000_000)),
            ("N/A", None),
        ] {
            assert_eq!(bytes_of(text), bytes, "{text}");
        }
    }

    #[test]
    fn a_cut_tar_is_noticed() {
        let whole = [vec![1; 512], vec![0; 1024]].concat();
        for (length, ended) in [(1536, true), (1024, false), (1535, false), (0, false)] {
            let mut bytes = &whole[..length];
            let mut tail = Tail::new(&mut bytes, &|_| ());
            io::copy(&mut tail, &mut io::sink()).unwrap();
            assert_eq!(tail.ended_well().is_some(), ended, "{length}");
        }
    }
}
