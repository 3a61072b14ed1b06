//! What never travels: what our own commands have written, and `.git`.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::bundle::{self, Compression, RECORD_FILE, SUMS_FILE};
use crate::project::{is_generated, is_yaml};

pub(super) const GIT: &str = ".git";
/// How files begin that are being written.
const UNFINISHED: &str = ".docker-offline-";

/// What an export writes, and what else never travels.
#[derive(Debug, Clone)]
pub(super) struct Left {
    exact: Arc<BTreeSet<PathBuf>>,
}

impl Left {
    /// `written` are the bundle, its archive and what lies beside that.
    pub(super) fn new(written: &[PathBuf]) -> Self {
        Self {
            exact: Arc::new(written.iter().cloned().collect()),
        }
    }

    /// Whether a file or folder itself is left.
    pub(super) fn is(&self, path: &Path, folder: bool) -> bool {
        let name = path.file_name().unwrap_or_default();
        if name == GIT || begins(name, UNFINISHED) || self.exact.contains(path) {
            return true;
        }
        if folder {
            return path.join(RECORD_FILE).is_file() && path.join("oci-layout").is_file();
        }
        if name == SUMS_FILE {
            return fs::read_to_string(path)
                .is_ok_and(|sums| sums.contains("  docker-offline-build\n"));
        }
        is_archive(path) || (is_yaml(path) && is_generated(path))
    }

    /// Whether it, or a folder between `root` and it, is left.
    pub(super) fn covers(&self, path: &Path, root: &Path) -> bool {
        let above = path.ancestors().skip(1);
        let mut above = above.take_while(|above| above.starts_with(root) && *above != root);
        self.is(path, false) || above.any(|above| self.is(above, true))
    }
}

fn begins(name: &OsStr, with: &str) -> bool {
    name.as_encoded_bytes().starts_with(with.as_bytes())
}

/// An archive of any export, or a part of one.
fn is_archive(path: &Path) -> bool {
    let number = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    let in_parts = number.len() == 3 && number.bytes().all(|b| b.is_ascii_digit());
    let archive = if in_parts {
        path.with_extension("")
    } else {
        path.to_owned()
    };
    Compression::of_name(&archive).is_ok() && bundle::read_record(&archive).is_ok()
}
