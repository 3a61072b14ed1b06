//! Why an engine drops what was in its cache a moment ago.

use std::path::Path;

use crate::engine::{Disk, KEPT_FREE};

/// In words; `root` is where the engine keeps its data.
///
/// BuildKit collects garbage also between two builds of one command (engine fact 20).
pub(super) fn dropped_because(root: &Path) -> String {
    match Disk::of_existing(root).map(|disk| disk.percent_free()) {
        Some(free) if free < KEPT_FREE => format!(
            "only {free} % of its disk is free ({}), and BuildKit collects garbage below about {KEPT_FREE} % by default, also between two builds",
            root.display()
        ),
        _ => "its garbage collection (builder.gc in daemon.json), or docker builder prune, came in between".into(),
    }
}
