//! What our program does within a container that has a volume.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::super::tree::{self, Choice};
use super::super::{Error, layer};
use crate::layout::Digest;

/// The hidden command that runs in the container, with what to do behind it.
pub const INSIDE: &str = "__volume";

/// Where the volume is in it.
pub(super) const PLACE: &str = "/volume";
/// Writes the volume to standard output, as a tar.
pub(super) const GET: &str = "get";
/// Fills it from standard input, a compressed tar.
pub(super) const PUT: &str = "put";
/// Says whether it is empty.
pub(super) const LOOK: &str = "look";
/// What is said of an empty one.
pub(super) const EMPTY: &str = "empty";

/// Says all that is in it, a line of JSON each.
pub(super) const LIST: &str = "list";
/// Writes one file of it to standard output.
pub(super) const CAT: &str = "cat";
/// Puts what standard input has beside what is in it, a plain tar.
pub(super) const ADD: &str = "add";
/// The content of files up to this size is said by its sum.
const SMALL: u64 = 1 << 20;

/// One thing that is in a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::carried) struct Found {
    /// From the volume on.
    pub(in crate::carried) path: String,
    /// `f`, `d`, `l`, or `o` for others.
    pub(in crate::carried) kind: char,
    /// Its size in bytes.
    pub(in crate::carried) size: u64,
    /// The sum of a small file.
    pub(in crate::carried) sha256: Option<String>,
    /// Where a link leads.
    pub(in crate::carried) link: Option<String>,
}

/// Does what is asked for; `which` is the file that is asked for.
pub fn inside(what: &OsStr, which: &OsStr) -> Result<(), Error> {
    end_when_told();
    let place = Path::new(PLACE);
    match what.to_str() {
        Some(GET) => {
            let out = BufWriter::with_capacity(1 << 18, io::stdout().lock());
            let (_, mut out) = tree::write(place, "volume", out, &|_| ())?;
            out.flush().map_err(Error::io("write", Path::new("stdout")))
        }
        Some(LIST) => {
            let mut out = BufWriter::new(io::stdout().lock());
            list(place, place, &mut out)?;
            out.flush().map_err(Error::io("write", Path::new("stdout")))
        }
        Some(CAT) => {
            let path = place.join(which);
            let mut file = File::open(&path).map_err(Error::io("read", &path))?;
            let mut out = io::stdout().lock();
            io::copy(&mut file, &mut out).map_err(Error::io("read", &path))?;
            out.flush().map_err(Error::io("write", Path::new("stdout")))
        }
        Some(ADD) => {
            let mut stdin = BufReader::with_capacity(1 << 17, io::stdin().lock());
            tree::lay(
                &mut stdin,
                "the volume",
                place,
                &Choice::Beside,
                true,
                &|_| (),
            )?;
            Ok(())
        }
        Some(PUT) => {
            let stdin = BufReader::with_capacity(1 << 17, io::stdin().lock());
            let unreadable = |source| Error::Unreadable {
                what: "the volume".into(),
                source,
            };
            let mut tar = layer::decoded(stdin).map_err(unreadable)?;
            tree::lay(&mut tar, "the volume", place, &Choice::All, true, &|_| ())?;
            Ok(())
        }
        _ => {
            let word = if is_empty(place)? { EMPTY } else { "filled" };
            writeln!(io::stdout(), "{word}").map_err(Error::io("write", Path::new("stdout")))
        }
    }
}

fn list(place: &Path, folder: &Path, out: &mut dyn io::Write) -> Result<(), Error> {
    for entry in folder.read_dir().map_err(Error::io("read", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.path();
        let metadata = path.symlink_metadata().map_err(Error::io("read", &path))?;
        let kind = match metadata.file_type() {
            kind if kind.is_file() => 'f',
            kind if kind.is_dir() => 'd',
            kind if kind.is_symlink() => 'l',
            _ => 'o',
        };
        let small = kind == 'f' && metadata.len() <= SMALL;
        let content = small.then(|| fs::read(&path).map_err(Error::io("read", &path)));
        let content = content.transpose()?;
        let inner = path.strip_prefix(place).unwrap_or(&path);
        let found = Found {
            path: inner.to_string_lossy().into_owned(),
            kind,
            size: metadata.len(),
            sha256: content.map(|bytes| Digest::of(&bytes).hex()),
            link: path
                .read_link()
                .ok()
                .map(|l| l.to_string_lossy().into_owned()),
        };
        let line = serde_json::to_string(&found).unwrap_or_default();
        writeln!(out, "{line}").map_err(Error::io("write", Path::new("stdout")))?;
        if kind == 'd' {
            list(place, &path, out)?;
        }
    }
    Ok(())
}

/// The first process of a container is not ended by a signal that it does not ask for,
/// and would go on reading for nobody.
fn end_when_told() {
    if let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) {
        std::thread::spawn(move || {
            let _ = signals.forever().next();
            std::process::exit(130);
        });
    }
}

/// A disk of its own has `lost+found` from its beginning.
fn is_empty(place: &Path) -> Result<bool, Error> {
    for entry in place.read_dir().map_err(Error::io("read", place))? {
        let entry = entry.map_err(Error::io("read", place))?;
        if entry.file_name() != "lost+found" {
            return Ok(false);
        }
    }
    Ok(true)
}
