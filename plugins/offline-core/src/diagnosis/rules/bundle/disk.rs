use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};
use crate::engine::Disk;

const MIB: u64 = 1024 * 1024;

/// With this little, not even small files can be counted on.
const LEAST: u64 = 100 * MIB;

pub(super) static RULE: Rule = Rule {
    id: "bundle-disk",
    group: Group::Bundle,
    worst: Severity::Warning,
    promise: Text::fixed(
        "The disk of the bundle folder has room.",
        "离线包目录所在磁盘空间充足。",
    ),
    why: Text::fixed(
        "An archive is unpacked beside the Compose file before anything is loaded, and is never larger than what it holds.",
        "加载之前，压缩包会解到 Compose 文件旁；解开后不会比压缩包小。",
    ),
    remedy: Text::fixed(
        "Free space on that disk, or name another folder: docker offline build --cache-dir DIR.",
        "清理该磁盘，或指定其他目录：docker offline build --cache-dir DIR。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let folder = situation.unpacked;
    let Some(disk) = Disk::of(folder) else {
        return Vec::new();
    };
    let subject = situation.short(folder);
    let needed = match situation.bundle {
        Ok(bundle) if bundle.is_archive() && !folder.join("oci-layout").exists() => bundle.size(),
        _ => 0,
    };
    let message = text!(
        "{free} MiB are free for the bundle",
        "离线包所在磁盘剩余 {free} MiB",
        free = disk.available / MIB,
    );
    if disk.available >= LEAST.max(needed) {
        return vec![rule.ok(subject, message)];
    }
    let cause = if needed > disk.available {
        text!(
            "unpacking the archive takes at least {least} MiB",
            "解开压缩包至少需要 {least} MiB",
            least = needed / MIB,
        )
    } else {
        Text::fixed("an archive cannot be unpacked there", "压缩包无法解到那里")
    };
    vec![
        rule.warning(subject, message)
            .because(cause)
            .remedied_by(Text::fixed(
                "free space on that disk, or name another folder",
                "清理该磁盘，或指定其他目录",
            ))
            .run("docker offline build --cache-dir DIR"),
    ]
}
