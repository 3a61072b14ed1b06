use std::fmt::Write as _;

use super::catalogue::{Deed, Entry, catalogue};

/// What the index of `docs/diagnosis/` says of logs.
pub(in crate::diagnosis) const SECTION: &str = "\n## [Log / 日志](logs.md)\n\n\
    `docker offline diagnose --log FILE` finds the cause in the log of a failed build, by a catalogue of known \
    failures. 在失败构建的日志中按已知故障目录查找原因。\n";

/// `docs/diagnosis/logs.md`.
pub(in crate::diagnosis) fn page() -> String {
    let entries = &catalogue().entries;
    let mut text = format!(
        "# Logs / 日志\n\nWritten by `make docs` from `plugins/offline-core/src/diagnosis/log/catalogue.toml`; do not edit.\n\n\
         `docker offline diagnose --log FILE` (`-` for standard input) knows {} failures by the words of the tools that \
         fail. It names the line that is the cause, not the last one, and the step, service and Dockerfile line as far as \
         the log has them. Read are the plain and the terminal form of BuildKit, also through Compose and bake, the classic \
         builder, and the output of Compose's containers. Causes in steps that failed come first, roots before what \
         follows from them.\n\n\
         以工具自身的报错文字识别 {} 种故障，指出真正的原因行、所在的构建步骤、服务和 Dockerfile 行号。\n\n\
         | id | of | |\n|---|---|---|\n",
        entries.len(),
        entries.len()
    );
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by_key(|entry| (&entry.tool, &entry.id));
    for entry in &sorted {
        let _ = writeln!(
            text,
            "| [{id}](#{id}) | {} | {} {} |",
            entry.tool,
            entry.title.en,
            entry.title.zh,
            id = entry.id
        );
    }
    for entry in sorted {
        let _ = write!(
            text,
            "\n## {}\n\n{}. {}\n",
            entry.id,
            capital(&entry.title.en),
            sentence(&entry.cause.en)
        );
        deeds(&mut text, entry, false);
        let _ = write!(
            text,
            "\n{}。{}。\n",
            entry.title.zh,
            entry.cause.zh.trim_end_matches('。')
        );
        deeds(&mut text, entry, true);
        let _ = writeln!(text, "\nSource: {}.", entry.source);
    }
    text
}

fn deeds(text: &mut String, entry: &Entry, zh: bool) {
    text.push('\n');
    for deed in &entry.remedy {
        let _ = match deed {
            Deed::Run { run } => writeln!(text, "- `{run}`"),
            Deed::Say(words) if zh => writeln!(text, "- {}", words.zh),
            Deed::Say(words) => writeln!(text, "- {}", words.en),
        };
    }
}

fn sentence(words: &str) -> String {
    format!("{}.", capital(words.trim_end_matches('.')))
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
