use super::super::disk::Disk;
use super::super::finding::{Finding, Severity};
use super::check::{Check, Situation};

const MIB: u64 = 1024 * 1024;

/// With this little, not even small files can be counted on.
const LEAST: u64 = 100 * MIB;

/// The bundle's disk has room.
pub(super) struct BundleDisk;

impl Check for BundleDisk {
    fn id(&self) -> &'static str {
        "bundle-disk"
    }

    fn findings(&self, situation: &Situation<'_>) -> Vec<Finding> {
        let folder = situation.unpacked;
        let Some(disk) = Disk::of(folder) else {
            return Vec::new();
        };
        let subject = folder.display().to_string();
        // An archive is not larger than what it holds.
        let needed = match situation.bundle {
            Ok(bundle) if bundle.is_archive() && !folder.exists() => {
                std::fs::metadata(bundle.place()).map_or(0, |archive| archive.len())
            }
            _ => 0,
        };
        let message = format!("{} MiB are free for the bundle", disk.available / MIB);
        if disk.available >= LEAST.max(needed) {
            return vec![Finding::new(self.id(), Severity::Ok, subject, message)];
        }
        let finding = Finding::new(self.id(), Severity::Warning, subject, message)
            .because(if needed > disk.available {
                format!("unpacking the archive takes at least {} MiB", needed / MIB)
            } else {
                "an archive cannot be unpacked there".into()
            })
            .remedied_by("free space on that disk, or name another folder: docker offline build --cache-dir DIR");
        vec![finding]
    }
}
