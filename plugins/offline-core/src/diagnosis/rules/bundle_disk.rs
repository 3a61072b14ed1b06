use super::super::disk::Disk;
use super::super::finding::{Finding, Severity};
use super::check::{Check, Situation};

/// The bundle's disk has room.
pub(super) struct BundleDisk;

impl Check for BundleDisk {
    fn id(&self) -> &'static str {
        "bundle-disk"
    }

    fn findings(&self, situation: &Situation<'_>) -> Vec<Finding> {
        const MIB: u64 = 1024 * 1024;
        let Some(disk) = Disk::of(situation.bundle_folder) else {
            return Vec::new();
        };
        let subject = situation.bundle_folder.display().to_string();
        let free = disk.available / MIB;
        let message = format!("{free} MiB are free for the bundle");
        // What an unpacking needs depends on the archive and is checked there;
        // with this little, not even small files can be counted on.
        if free >= 100 {
            return vec![Finding::new(self.id(), Severity::Ok, subject, message)];
        }
        let finding = Finding::new(self.id(), Severity::Warning, subject, message)
            .because("an archive cannot be unpacked there")
            .remedied_by("free space on that disk, or name another folder with --cache-dir");
        vec![finding]
    }
}
