use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::{Error, sums};
use super::{Written, part_of};
use crate::layout::{Digest, Progress};

/// The parts of an archive that are here.
#[derive(Debug)]
pub(crate) struct Parts {
    archive: PathBuf,
    here: BTreeMap<usize, Part>,
    /// How many there are by `SHA256SUMS`, else by what is here.
    number: usize,
}

#[derive(Debug)]
struct Part {
    path: PathBuf,
    bytes: u64,
    /// What `SHA256SUMS` says of it.
    sum: Option<Digest>,
}

impl Parts {
    /// Looks in the archive's folder and in the folders in it, as copies of several media
    /// lie there. `None` where no part is, or the archive as one file.
    pub(crate) fn of(archive: &Path) -> Option<Self> {
        if archive.exists() {
            return None;
        }
        let folder = match archive.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let own = files(folder);
        let within = own.iter().filter(|path| path.is_dir());
        let mut folders: Vec<_> = within.map(|path| (path.clone(), files(path))).collect();
        folders.insert(0, (folder.to_owned(), own));
        let mut here = BTreeMap::new();
        let mut listed = 0;
        for (folder, files) in folders {
            let sums = part_sums(&folder, archive);
            listed = listed.max(sums.keys().next_back().copied().unwrap_or(0));
            for path in files {
                let Some((_, number)) = part_of(&path).filter(|(of, _)| same_name(of, archive))
                else {
                    continue;
                };
                let Ok(metadata) = fs::metadata(&path) else {
                    continue;
                };
                let sum = sums.get(&number).copied();
                here.entry(number).or_insert_with(|| Part {
                    path,
                    bytes: metadata.len(),
                    sum,
                });
            }
        }
        let last = *here.keys().next_back()?;
        let number = if listed > 0 { listed } else { last };
        // Of an earlier export with more parts than this one has.
        here.retain(|at, _| *at <= number);
        Some(Self {
            archive: archive.to_owned(),
            here,
            number,
        })
    }

    /// The parts in their order.
    ///
    /// # Errors
    ///
    /// Those that are missing, and those whose size no part of this archive has.
    pub(crate) fn in_order(&self) -> Result<Vec<PathBuf>, Error> {
        let missing = (1..=self.number).filter(|number| !self.here.contains_key(number));
        self.refused(missing.collect(), self.of_another_size())?;
        Ok(self.here.values().map(|part| part.path.clone()).collect())
    }

    /// All have the size of the first but the last, which may have less.
    fn of_another_size(&self) -> Vec<usize> {
        let size = self.here.values().map(|part| part.bytes).max();
        let fits = |at: usize, part: &Part| match size {
            Some(size) if at < self.number => part.bytes == size,
            _ => part.bytes > 0,
        };
        let wrong = self.here.iter().filter(|(at, part)| !fits(**at, part));
        wrong.map(|(at, _)| *at).collect()
    }

    /// Compares each part with `SHA256SUMS`; gives whether it names all of them.
    ///
    /// # Errors
    ///
    /// All that are missing or altered, by number.
    pub(crate) fn check(&self, progress: Progress<'_>) -> Result<bool, Error> {
        let files = self.in_order()?;
        let mut altered = Vec::new();
        for (at, part) in &self.here {
            let Some(expected) = part.sum else { continue };
            if sums::hash_file(&part.path, progress)?.0 != expected {
                altered.push(*at);
            }
        }
        self.refused(Vec::new(), altered)?;
        let proven = self.here.values().filter(|part| part.sum.is_some());
        Ok(proven.count() == files.len())
    }

    /// What an export that splits at `most` bytes would write over: each part with what
    /// `SHA256SUMS` says of it. `None` where one has no sum, is missing or has another size.
    pub(crate) fn as_split(&self, most: u64) -> Option<Vec<Written>> {
        let fits = |(at, part): (&usize, &Part)| {
            part.bytes == most || *at == self.number && part.bytes < most
        };
        if !self.here.iter().all(fits) || self.here.len() != self.number {
            return None;
        }
        let written = |part: &Part| {
            Some(Written {
                path: part.path.clone(),
                sha256: part.sum?,
            })
        };
        self.here.values().map(written).collect()
    }

    /// The part behind the last one that is here: what a cut archive goes on with.
    pub(crate) fn behind_the_last(&self) -> Error {
        self.refusal(vec![self.number + 1], Vec::new())
    }

    /// The size of all that is here, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.here.values().map(|part| part.bytes).sum()
    }

    fn refused(&self, missing: Vec<usize>, altered: Vec<usize>) -> Result<(), Error> {
        if missing.is_empty() && altered.is_empty() {
            return Ok(());
        }
        Err(self.refusal(missing, altered))
    }

    fn refusal(&self, missing: Vec<usize>, altered: Vec<usize>) -> Error {
        Error::Parts {
            archive: self.archive.clone(),
            missing,
            altered,
        }
    }
}

fn same_name(a: &Path, b: &Path) -> bool {
    a.file_name() == b.file_name()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// What the `SHA256SUMS` of a folder says of the parts of an archive.
fn part_sums(folder: &Path, archive: &Path) -> BTreeMap<usize, Digest> {
    let named = sums::read(folder).into_iter();
    named
        .filter_map(|(name, digest)| {
            let (of, number) = part_of(Path::new(&name))?;
            same_name(&of, archive).then_some((number, digest))
        })
        .collect()
}
