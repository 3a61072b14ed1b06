//! What services mount from outside of the project: said, and never taken.

use std::collections::BTreeSet;
use std::path::Path;

use super::Origin;
use crate::project::{Mount, MountSource};

/// What belongs to every machine by itself, or to none for long.
const OF_MACHINES: [&str; 12] = [
    "/dev",
    "/proc",
    "/sys",
    "/run",
    "/var/run",
    "/tmp",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/machine-id",
    "/var/lib/docker",
];

/// A sentence for each thing that a service mounts from outside of the project, with the
/// lines that would carry it.
pub(super) fn of(origin: &Origin<'_>) -> Vec<String> {
    let offline = &origin.project.offline;
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for mount in &offline.mounts {
        let MountSource::Bind(path) = &mount.source else {
            continue;
        };
        let declared = offline.files.iter().any(|f| path.starts_with(&f.source));
        let within = path.starts_with(&origin.project.directory);
        let of_machine = path.parent().is_none()
            || OF_MACHINES
                .iter()
                .any(|known| path.starts_with(Path::new(known)));
        let ours = origin.services.contains(&mount.service);
        if declared || within || of_machine || !ours || !path.exists() || !seen.insert(path) {
            continue;
        }
        all.push(of_folder(mount, path));
    }
    all
}

fn of_folder(mount: &Mount, path: &Path) -> String {
    let at = mount.location.as_ref();
    let at = at.map_or_else(String::new, |l| format!("{l}: "));
    let (service, path) = (&mount.service, path.display());
    format!(
        "{at}service {service} mounts {path}, which lies outside of the project and is not carried; to carry it: x-offline: {{files: [{{path: {path}}}]}}"
    )
}
