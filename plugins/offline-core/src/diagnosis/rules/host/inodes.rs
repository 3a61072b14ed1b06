use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};
use crate::engine::Disk;

/// An image of an application brings some ten thousand files.
const LEAST: u64 = 50_000;

pub(super) static RULE: Rule = Rule {
    id: "inodes",
    group: Group::Host,
    worst: Severity::Warning,
    promise: Text::fixed(
        "The engine's disk and the bundle's can take more files.",
        "引擎磁盘和离线包磁盘还能容纳更多文件。",
    ),
    why: Text::fixed(
        "A file system can run out of inodes while df shows free space; the message is then 'no space left on device' all the same. Image layers and node_modules bring many small files.",
        "文件系统可能在 df 显示仍有空间时耗尽 inode，报错同样是 no space left on device。镜像层和 node_modules 都有大量小文件。",
    ),
    remedy: Text::fixed(
        "df -i shows it. Remove what has many small files, or put the engine's data on a file system made with more inodes.",
        "用 df -i 查看。删除小文件多的内容，或把引擎数据放到 inode 更多的文件系统上。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let engine = situation.facts.engine.as_ref().ok();
    let mut disks: Vec<Disk> = engine.and_then(|e| e.disk.clone()).into_iter().collect();
    disks.extend(Disk::of(situation.unpacked));
    disks.dedup_by_key(|disk| (disk.inodes, disk.inodes_free));
    let short = disks
        .iter()
        .filter(|disk| disk.inodes > 0 && disk.inodes_free < LEAST.min(disk.inodes / 5));
    short
        .map(|disk| {
            let (free, path) = (disk.inodes_free, disk.path.display());
            let message = text!(
                "only {free} files can still be made on the disk of {path}",
                "{path} 所在磁盘只能再创建 {free} 个文件"
            );
            rule.warning(path.to_string(), message)
                .because(Text::fixed(
                    "it is short of inodes, whatever space is free",
                    "无论剩余空间多少，inode 已不足",
                ))
                .run(format!("df -i {path}"))
        })
        .collect()
}
