//! What is carried besides images: one list, whatever the kind.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Record;
use crate::layout::Descriptor;

/// One thing that is carried: files, a volume, and what else is no image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Carried {
    /// What it is, as in `files`; a reader passes over kinds that it does not know.
    pub kind: String,
    /// Its name among those of its kind.
    pub name: String,
    /// The artifact's manifest; one of the record's extra roots too.
    pub root: Descriptor,
    /// Bytes of its blobs.
    #[serde(default)]
    pub size: u64,
    /// The services that want it; empty where the whole project does.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub services: BTreeSet<String>,
    /// What else its kind has to know.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub detail: serde_json::Value,
}

/// What is taken out of a bundle before the rest is unpacked, by `install.sh`: it lies at
/// the front of the archive.
const AHEAD: [&str; 2] = ["source", "tools"];

impl Carried {
    /// Whether it is taken out before the rest.
    pub(super) fn comes_ahead(&self) -> bool {
        AHEAD.contains(&self.kind.as_str())
    }
}

impl Record {
    /// Adds what is carried to the list, and to what is kept and verified.
    pub fn carry(&mut self, all: Vec<Carried>) {
        for one in &all {
            let known = |blob: &Descriptor| blob.digest == one.root.digest;
            if !self.extra_blobs.iter().any(known) {
                self.extra_blobs.push(one.root.clone());
            }
        }
        self.carried = all;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{Digest, Layout};

    #[test]
    fn what_is_carried_is_a_root_once_and_nothing_is_said_without_it() {
        let plain = Record::default();
        let bytes = plain.to_bytes().unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("carried"));
        let root = Descriptor::new("application/x", Digest::of(b"a"), 1);
        let one = |name: &str| Carried {
            kind: "of-tomorrow".into(),
            name: name.into(),
            root: root.clone(),
            size: 1,
            services: BTreeSet::new(),
            detail: serde_json::Value::Null,
        };
        let mut record = Record::default();
        record.carry(vec![one("a"), one("b")]);
        assert_eq!(record.extra_roots(), std::slice::from_ref(&root));
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).unwrap();
        layout.write_index(&[]).unwrap();
        std::fs::write(folder.path().join("manifest.json"), "[]").unwrap();
        record.write(&layout).unwrap();
        let read = Record::read(folder.path()).unwrap();
        assert_eq!(read, record);
    }
}
