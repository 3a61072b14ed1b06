//! Puts a tree to its target: at once where nothing is, and else only what is missing, as
//! long as nothing differs.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::tree::{self, Choice};
use super::{Error, State};
use crate::error::Failure;
use crate::layout::Progress;

/// How many differences are named, of any number.
const NAMED: usize = 5;

/// Opens the tar of what is put somewhere, from its beginning.
pub(super) type Open<'a> = dyn Fn() -> Result<Box<dyn Read>, Failure> + 'a;

/// What makes a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// Content, kind, mode and owner.
    All,
    /// Content and kind: of a store that others share, which may have its own owner.
    Content,
}

/// A tree on its way to its target.
pub(super) struct Placing<'a> {
    /// What it is, in errors.
    pub(super) what: &'a str,
    /// Where it goes.
    pub(super) target: &'a Path,
    /// Its tar.
    pub(super) open: &'a Open<'a>,
    /// What makes a difference.
    pub(super) counts: Counted,
}

impl Placing<'_> {
    /// Puts it there; what is there and differs is replaced only if that is wanted.
    pub(super) fn run(&self, replace: bool, progress: Progress<'_>) -> Result<State, Failure> {
        let root = is_root();
        if self.target.symlink_metadata().is_err() {
            self.anew(root, progress)?;
            return Ok(State::Written);
        }
        let mut found = tree::compare(&mut (self.open)()?, self.what, self.target, root)?;
        if self.counts == Counted::Content {
            found.differing.retain(|(_, why)| tree::is_of_content(why));
        }
        if !found.differing.is_empty() && !replace {
            return Ok(State::Refused(self.differences(&found.differing)));
        }
        let mut wanted = found.missing;
        wanted.extend(found.differing.into_iter().map(|(path, _)| path));
        if wanted.is_empty() {
            return Ok(State::Kept);
        }
        let these = Choice::These(&wanted);
        tree::lay(
            &mut (self.open)()?,
            self.what,
            self.target,
            &these,
            root,
            progress,
        )?;
        Ok(State::Written)
    }

    /// Where nothing is: all of it beside the target, which is then there at once.
    pub(super) fn anew(&self, root: bool, progress: Progress<'_>) -> Result<(), Failure> {
        let folder = self.target.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder).map_err(Error::io("make", folder))?;
        let beside = tempfile::Builder::new()
            .prefix(".docker-offline-")
            .tempdir_in(folder)
            .map_err(Error::io("write into", folder))?;
        let new = beside.path().join("new");
        let mut tar = (self.open)()?;
        tree::lay(&mut tar, self.what, &new, &Choice::All, root, progress)?;
        rename(&new, self.target).map_err(Error::io("write", self.target))?;
        Ok(())
    }

    pub(super) fn differences(&self, all: &[(PathBuf, &'static str)]) -> String {
        let all = all.iter().map(|(path, why)| {
            let place = self.target.join(path);
            let place = if path.as_os_str().is_empty() {
                self.target.to_string_lossy()
            } else {
                place.to_string_lossy()
            };
            format!("{}: {why}", printable(&place))
        });
        named(all.collect())
    }
}

/// Renames into another folder: of a folder that may not be written, only root may.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let before = from.symlink_metadata()?.permissions();
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            fs::set_permissions(from, fs::Permissions::from_mode(0o700))?;
            fs::rename(from, to)?;
            fs::set_permissions(to, before)
        }
        done => done,
    }
}

/// Whether we may give files away: nobody else can.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A name as it may be shown: on one line, and with nothing that a terminal obeys.
pub fn printable(name: &str) -> String {
    let shown = |c: char| if c.is_control() { '?' } else { c };
    name.chars().map(shown).collect()
}

/// The first few of them, and how many more.
pub(super) fn named(mut words: Vec<String>) -> String {
    if words.len() > NAMED {
        let more = words.len() - NAMED;
        words.truncate(NAMED);
        words.push(format!("and {more} more"));
    }
    words.join(", ")
}
