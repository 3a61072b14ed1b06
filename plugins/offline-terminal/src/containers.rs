//! What became of containers, by service.

use offline_core::diagnosis::{Language, Text, text};
use offline_core::up::{Health, Outcome, What};

use crate::Table;
use crate::progress::harmless;

/// A table with a line for each service, and below it the last words of those that did not
/// become healthy.
pub fn of_containers(outcomes: &[Outcome], language: Language) -> String {
    let headings = [
        Text::fixed("SERVICE", "服务"),
        Text::fixed("CONTAINERS", "容器"),
    ];
    let mut table = Table::new(headings.map(|heading| heading.get(language).to_owned()));
    for one in outcomes {
        table.row([one.service.as_str(), state(one).get(language)]);
    }
    let mut text = format!("\n{table}");
    for one in outcomes.iter().filter(|one| !one.last_words.is_empty()) {
        let service = &one.service;
        let heading = text!("The last words of {service}:", "{service} 最后的输出：");
        text += &format!("\n{}\n", heading.get(language));
        for line in &one.last_words {
            text += &format!("  {}\n", harmless(line));
        }
    }
    text
}

/// What a build that did not build everything means for what runs.
pub fn nothing_restarted(language: Language) -> &'static str {
    match language {
        Language::English => {
            "Not everything could be built, and nothing was restarted: what ran before runs as it was."
        }
        Language::Chinese => "未能全部构建完成，因此没有重启任何容器：原来运行的一切保持不变。",
    }
}

fn state(one: &Outcome) -> Text {
    let Text { en, zh } = of_health(one.health);
    match (one.what, one.after_edit) {
        (What::Unchanged, _) if one.health.is_well() => {
            Text::fixed("unchanged, not restarted", "未变化，未重启")
        }
        (What::Unchanged, _) => text!(
            "unchanged, not restarted; it is {en}",
            "未变化，未重启；目前{zh}"
        ),
        (What::PutBack, Some(edited)) => {
            let edited = of_health(edited);
            let (edited_en, edited_zh) = (edited.en, edited.zh);
            text!(
                "{edited_en} after the edit, put back on its old image, which is {en}",
                "修改后{edited_zh}，已退回旧镜像，旧镜像目前{zh}"
            )
        }
        (What::PutBack, None) => text!(
            "put back on its old image, which is {en}",
            "已退回旧镜像，旧镜像目前{zh}"
        ),
        (What::Started | What::Replaced, _) if never_ran(one.health) => {
            text!("not started: {en}", "未启动：{zh}")
        }
        (What::Started, _) => text!("started, {en}", "已启动，{zh}"),
        (What::Replaced, _) => text!("rebuilt and restarted, {en}", "已重新构建并重启，{zh}"),
    }
}

fn never_ran(health: Health) -> bool {
    matches!(health, Health::NotStarted | Health::NoImage)
}

fn of_health(health: Health) -> Text {
    match health {
        Health::Healthy => Text::fixed("healthy", "健康"),
        Health::Running => Text::fixed("running", "运行中"),
        Health::Finished => Text::fixed("finished", "已正常结束"),
        Health::NoContainer => Text::fixed("without a container", "没有容器"),
        Health::Starting => Text::fixed("not healthy in time", "未能及时变为健康"),
        Health::NotStarted => Text::fixed("Compose could not start it", "Compose 无法启动它"),
        Health::Stopped => Text::fixed("paused", "已暂停"),
        Health::NoImage => Text::fixed("its image is not here", "本机没有它的镜像"),
        Health::Restarting => Text::fixed("starting again and again", "反复重启"),
        Health::Ended { exit_code } => text!(
            "ended with exit code {exit_code}",
            "以退出码 {exit_code} 结束"
        ),
        Health::Unhealthy => Text::fixed("unhealthy", "不健康"),
        _ => Text::fixed("unknown", "未知"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes() -> [Outcome; 5] {
        let one = |service: &str, what, health| Outcome {
            service: service.into(),
            what,
            health,
            after_edit: None,
            last_words: Vec::new(),
        };
        [
            one("backend", What::Replaced, Health::Healthy),
            one("database", What::Unchanged, Health::Healthy),
            one("frontend", What::Started, Health::NoImage),
            Outcome {
                after_edit: Some(Health::Ended { exit_code: 3 }),
                last_words: vec!["\u{1b}[31mno such file\u{1b}[0m".into()],
                ..one("mineru", What::PutBack, Health::Healthy)
            },
            one("runtime", What::Unchanged, Health::Unhealthy),
        ]
    }

    #[test]
    fn each_service_has_its_line_and_the_ill_have_the_last_word() {
        insta::assert_snapshot!(of_containers(&outcomes(), Language::English), @r"

        SERVICE    CONTAINERS
        backend    rebuilt and restarted, healthy
        database   unchanged, not restarted
        frontend   not started: its image is not here
        mineru     ended with exit code 3 after the edit, put back on its old image, which is healthy
        runtime    unchanged, not restarted; it is unhealthy

        The last words of mineru:
          no such file
        ");
    }

    #[test]
    fn the_same_in_chinese() {
        insta::assert_snapshot!(of_containers(&outcomes(), Language::Chinese), @r"

        服务       容器
        backend    已重新构建并重启，健康
        database   未变化，未重启
        frontend   未启动：本机没有它的镜像
        mineru     修改后以退出码 3 结束，已退回旧镜像，旧镜像目前健康
        runtime    未变化，未重启；目前不健康

        mineru 最后的输出：
          no such file
        ");
    }
}
