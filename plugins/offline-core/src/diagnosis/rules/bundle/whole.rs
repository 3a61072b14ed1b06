use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, Wholeness, text};

pub(super) static RULE: Rule = Rule {
    id: "bundle-whole",
    group: Group::Bundle,
    worst: Severity::Error,
    promise: Text::fixed(
        "Every byte of the bundle is what was written.",
        "离线包的每个字节都与导出时一致。",
    ),
    why: Text::fixed(
        "Sticks and copies go bad. Every blob is hashed and compared with its digest; an archive is compared with SHA256SUMS beside it, or read as it would be unpacked where there is none. A bundle folder that was found whole is not read again until a file in it changes.",
        "U 盘和复制都可能出错。每个 blob 都会计算哈希并与摘要比较；压缩包与旁边的 SHA256SUMS 比较；没有该文件时，按解包的方式通读一遍。已验证完好的目录在文件变化之前不再重读。",
    ),
    remedy: Text::fixed(
        "Check the archive where it was carried from (sha256sum -c SHA256SUMS), copy it again, and remove the damaged folder.",
        "在来源处检查压缩包（sha256sum -c SHA256SUMS），重新复制，并删除损坏的目录。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let Ok(bundle) = situation.bundle else {
        return Vec::new();
    };
    let subject = situation.short(bundle.place());
    vec![match bundle.verify() {
        Ok(Wholeness::BySum) => rule.ok(
            subject,
            Text::fixed(
                "the archive has the sum that SHA256SUMS names",
                "压缩包与 SHA256SUMS 中的校验和一致",
            ),
        ),
        Ok(Wholeness::ByDigests) => rule.ok(
            subject,
            Text::fixed("every blob has its digest", "每个 blob 都与摘要一致"),
        ),
        Ok(Wholeness::Damaged(damaged)) => {
            let count = damaged.len();
            let first = damaged
                .first()
                .map(|first| format!("{} ({})", first.digest, first.what.words()))
                .unwrap_or_default();
            let message = text!(
                "{count} of the bundle's blobs are damaged, first {first}",
                "离线包中有 {count} 个 blob 损坏，第一个是 {first}"
            );
            rule.error(subject, message)
                .because(Text::fixed(
                    "the copy is not what was exported",
                    "这份副本与导出的内容不同",
                ))
                .remedied_by(Text::fixed(
                    "check the archive where it was carried from",
                    "在来源处检查压缩包",
                ))
                .run("sha256sum -c SHA256SUMS")
                .remedied_by(Text::fixed(
                    "copy it again, remove this folder, and run the same command again",
                    "重新复制，删除这个目录，再运行同一条命令",
                ))
        }
        Err(failure) => {
            let mut finding = rule.error(subject, text!("{failure}", "无法验证离线包：{failure}"));
            finding.cause = failure
                .error()
                .source()
                .map(|c| Text::quoted(c.to_string()));
            match failure.hint() {
                Some(hint) => finding.remedied_by(Text::quoted(hint)),
                None => finding,
            }
        }
    }]
}
