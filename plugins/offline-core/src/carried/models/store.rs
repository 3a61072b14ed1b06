//! Where models lie: a folder of this machine, or a volume of its engine.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::super::volumes::Helper;
use super::super::{Error as CarriedError, Origin};
use crate::error::Failure;
use crate::project::{Location, ModelStore};

/// A store that is read.
pub(super) enum Store<'a> {
    Folder(PathBuf),
    Volume(Helper<'a>, String),
}

impl<'a> Store<'a> {
    pub(super) fn open(
        origin: &Origin<'a>,
        store: &ModelStore,
        location: Option<&Location>,
    ) -> Result<Self, Failure> {
        match store {
            ModelStore::Folder(folder) => {
                let path = origin.project.directory.join(folder);
                if !path.is_dir() {
                    let location = location.cloned();
                    return Err(CarriedError::FileMissing { path, location }.into());
                }
                Ok(Self::Folder(path))
            }
            ModelStore::Volume(volume) => {
                let there = origin.docker.volume_names()?;
                if !there.contains(&volume.name) {
                    return Err(CarriedError::VolumeMissing {
                        name: volume.name.clone(),
                        location: location.cloned(),
                    }
                    .into());
                }
                let helper = Helper::new(origin.docker, origin.platform)?;
                Ok(Self::Volume(helper, volume.name.clone()))
            }
        }
    }

    /// All files below a folder, each from the store on, with its size.
    pub(super) fn files(&self, below: &str) -> Result<Vec<(String, u64)>, Failure> {
        match self {
            Self::Folder(store) => {
                let mut all = Vec::new();
                files(store, &store.join(below), &mut all)?;
                Ok(all)
            }
            Self::Volume(helper, name) => {
                let found = helper.list(name)?;
                let begin = format!("{below}/");
                let of_folder = found.into_iter().filter(|one| {
                    one.kind == 'f' && (below.is_empty() || one.path.starts_with(&begin))
                });
                Ok(of_folder.map(|one| (one.path, one.size)).collect())
            }
        }
    }

    /// Reads a file.
    pub(super) fn read<T>(
        &self,
        path: &str,
        read: &mut dyn FnMut(&mut dyn Read) -> Result<T, CarriedError>,
    ) -> Result<T, Failure> {
        match self {
            Self::Folder(store) => {
                let path = store.join(path);
                let mut file = File::open(&path).map_err(CarriedError::io("read", &path))?;
                Ok(read(&mut file)?)
            }
            Self::Volume(helper, name) => helper.cat(name, path, read),
        }
    }
}

fn files(store: &Path, folder: &Path, all: &mut Vec<(String, u64)>) -> Result<(), CarriedError> {
    let Ok(entries) = folder.read_dir() else {
        return Ok(());
    };
    for entry in entries {
        let path = entry.map_err(CarriedError::io("read", folder))?.path();
        let metadata = path.metadata().map_err(CarriedError::io("read", &path))?;
        if metadata.is_dir() {
            files(store, &path, all)?;
        } else if let Some(path) = path.strip_prefix(store).ok().and_then(Path::to_str) {
            all.push((path.to_owned(), metadata.len()));
        }
    }
    Ok(())
}

/// A store in words.
pub(super) fn words(store: &ModelStore) -> String {
    match store {
        ModelStore::Folder(folder) => folder.clone(),
        ModelStore::Volume(volume) => format!("the volume {}", volume.name),
    }
}
