use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};

pub(super) static RULE: Rule = Rule {
    id: "tool-version",
    group: Group::Bundle,
    worst: Severity::Note,
    promise: Text::fixed(
        "The bundle was exported by the same version of docker-offline.",
        "离线包由同一版本的 docker-offline 导出。",
    ),
    why: Text::fixed(
        "A version reads bundles of others as long as their format is the same; what a newer one added, an older one does not use. The binaries beside the archive are those that exported it.",
        "只要格式相同，各版本可以互读；较新版本增加的内容，较旧版本不会使用。压缩包旁的程序就是导出它的版本。",
    ),
    remedy: Text::fixed(
        "Run the install.sh that was carried with the archive.",
        "运行随压缩包带来的 install.sh。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let Ok(bundle) = situation.bundle else {
        return Vec::new();
    };
    let (made, here) = (&bundle.record().tool_version, situation.tool_version);
    if made.is_empty() || here.is_empty() || made == here {
        return Vec::new();
    }
    let message = text!(
        "the bundle was exported by docker-offline {made}, this is {here}",
        "离线包由 docker-offline {made} 导出，本机是 {here}"
    );
    vec![rule.note("bundle", message).remedied_by(Text::fixed(
        "where something is amiss, install the version that lies beside the archive (install.sh)",
        "如有异常，安装压缩包旁的版本（install.sh）",
    ))]
}
