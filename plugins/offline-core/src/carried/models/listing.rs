//! What a model consists of: files by their place in a store, each a blob of the layout.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::super::layer;
use super::super::tree::{Item, Made};
use crate::engine::Docker;
use crate::layout::{Descriptor, Digest, Layout};

/// The files of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listing {
    pub(super) files: Vec<Listed>,
}

/// A file or a link of a store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Listed {
    /// From the store on.
    pub(super) path: String,
    pub(super) what: What,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum What {
    /// A blob of the artifact.
    Blob { digest: Digest, size: u64 },
    /// A symbolic link within the store.
    Link(String),
}

impl Listing {
    pub(super) fn blob(&mut self, path: impl Into<String>, digest: Digest, size: u64) {
        let (path, what) = (path.into(), What::Blob { digest, size });
        self.files.push(Listed { path, what });
    }

    pub(super) fn link(&mut self, path: impl Into<String>, to: impl Into<String>) {
        let (path, what) = (path.into(), What::Link(to.into()));
        self.files.push(Listed { path, what });
    }

    /// Each blob once, in the order of the files.
    pub(super) fn blobs(&self) -> Vec<Descriptor> {
        let mut seen = BTreeSet::new();
        let blobs = self.files.iter().filter_map(|one| match &one.what {
            What::Blob { digest, size } => Some((*digest, *size)),
            What::Link(_) => None,
        });
        let new = blobs.filter(|(digest, _)| seen.insert(*digest));
        new.map(|(digest, size)| Descriptor::new("application/octet-stream", digest, size))
            .collect()
    }

    /// The files as a tar, with the folders that they lie in; those that `wanted` says.
    pub(super) fn tar(
        &self,
        docker: &Docker,
        layout: &Layout,
        wanted: &dyn Fn(&Listed) -> bool,
    ) -> Made {
        let mut tar = Made::default();
        let mut folders = BTreeSet::new();
        tar.push("store", 0o755, Item::Folder);
        for one in self.files.iter().filter(|one| wanted(one)) {
            let slashes = one.path.match_indices('/').map(|(at, _)| &one.path[..at]);
            for folder in slashes {
                if folders.insert(folder) {
                    tar.push(&format!("store/{folder}"), 0o755, Item::Folder);
                }
            }
            let name = format!("store/{}", one.path);
            match &one.what {
                What::Link(to) => tar.push(&name, 0o777, Item::Link(to.clone())),
                What::Blob { digest, size } => {
                    tar.push(&name, 0o644, layer::item(docker, layout, digest, *size));
                }
            }
        }
        tar.end()
    }
}
