//! What our program does within a container that has a volume.

use std::ffi::OsStr;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::Path;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::super::tree::{self, Choice};
use super::super::{Error, layer};

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

/// Does what is asked for.
pub fn inside(what: &OsStr) -> Result<(), Error> {
    end_when_told();
    let place = Path::new(PLACE);
    match what.to_str() {
        Some(GET) => {
            let out = BufWriter::with_capacity(1 << 18, io::stdout().lock());
            let (_, mut out) = tree::write(place, "volume", out, &|_| ())?;
            out.flush().map_err(Error::io("write", Path::new("stdout")))
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
