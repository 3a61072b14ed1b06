//! What all entries of `x-offline` have, whatever their kind.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Declared, Error, Origin, Planned};
use crate::project::{
    Location, OfflineDownload, OfflineFiles, OfflineGit, OfflineModel, OfflineVolume, Project,
};

/// An entry below one key of `x-offline`.
pub(super) trait Entry: Sized {
    /// All entries of this kind.
    fn all(project: &Project) -> &[Self];
    /// Its name in the bundle.
    fn key(&self) -> String;
    /// The service that wants it; `None` where the whole project does.
    fn service(&self) -> Option<&String>;
    /// The line.
    fn location(&self) -> Option<&Location>;
}

macro_rules! entries {
    ($($entry:ty: $list:ident, |$one:ident| $key:expr;)*) => {
        $(impl Entry for $entry {
            fn all(project: &Project) -> &[Self] {
                &project.offline.$list
            }
            fn key(&self) -> String {
                let $one = self;
                $key
            }
            fn service(&self) -> Option<&String> {
                self.service.as_ref()
            }
            fn location(&self) -> Option<&Location> {
                self.location.as_ref()
            }
        })*
    };
}

entries! {
    OfflineDownload: downloads, |one| one.target.clone();
    OfflineFiles: files, |one| one.target.clone();
    OfflineGit: git, |one| one.target.clone();
    OfflineModel: models, |one| OfflineModel::key(one);
    OfflineVolume: volumes, |one| one.volume.key.clone();
}

/// What is declared for this export, by its name in the bundle.
pub(super) fn wanted<'a, T: Entry>(origin: &Origin<'a>) -> BTreeMap<String, Vec<&'a T>> {
    let mut all: BTreeMap<String, Vec<&T>> = BTreeMap::new();
    for one in T::all(origin.project) {
        if origin.wants(one.service()) {
            all.entry(one.key()).or_default().push(one);
        }
    }
    all
}

/// The first declaration of what was planned.
pub(super) fn planned<'a, T: Entry>(
    origin: &Origin<'a>,
    planned: &Planned,
) -> Result<&'a T, Error> {
    let mut all = T::all(origin.project).iter();
    let one = all.find(|one| one.key() == planned.name && origin.wants(one.service()));
    one.ok_or_else(|| not_declared(&planned.name))
}

/// What a project declares, for whichever service.
pub(super) fn declared<T: Entry>(project: &Project) -> Vec<Declared> {
    let all = T::all(project).iter();
    all.map(|one| Declared {
        name: one.key(),
        service: one.service().cloned(),
        location: one.location().cloned(),
    })
    .collect()
}

/// Nobody declares what is to be carried or put somewhere.
pub(super) fn not_declared(name: &str) -> Error {
    Error::FileMissing {
        path: name.into(),
        location: None,
    }
}

impl Planned {
    /// What a flag asks for, and no project declares.
    pub(super) fn by_flag(kind: &'static str, name: String, from: &Path, size: u64) -> Self {
        Self {
            kind,
            name,
            from: from.display().to_string(),
            size: Some(size),
            services: BTreeSet::new(),
            location: None,
        }
    }

    /// What several declarations of the same want: for their services, or for the whole
    /// project where one of them is of no service. `several` is never empty.
    pub(super) fn of<T: Entry>(
        kind: &'static str,
        several: &[&T],
        from: String,
        size: Option<u64>,
    ) -> Self {
        let services: Option<_> = several.iter().map(|one| one.service().cloned()).collect();
        Self {
            kind,
            name: several[0].key(),
            from,
            size,
            services: services.unwrap_or_default(),
            location: several[0].location().cloned(),
        }
    }
}
