use std::fmt::Write as _;

use super::finding::Severity;
use super::rule::{Group, Rule};
use super::rules::rules;

/// The pages of `docs/diagnosis/`: file name and text.
pub fn pages() -> Vec<(String, String)> {
    let mut pages = vec![("README.md".to_owned(), index())];
    for group in OF_RULES {
        pages.push((format!("{}.md", group.name()), page(group)));
    }
    pages.push(("logs.md".to_owned(), super::log::page()));
    pages
}

/// The groups that rules look at; a log is searched by a catalogue.
const OF_RULES: [Group; 3] = [Group::Host, Group::Bundle, Group::Project];

/// The id that a mistyped one probably means.
pub fn suggestion(text: &str) -> Option<&'static str> {
    let known = rules().into_iter().chain(super::log::log_rules());
    let ids = known.map(|rule| rule.id);
    ids.map(|id| (distance(text, id), id))
        .filter(|(distance, id)| *distance <= 3 || id.contains(text) && text.len() > 2)
        .min()
        .map(|(_, id)| id)
}

fn of_group(group: Group) -> impl Iterator<Item = &'static Rule> {
    rules().into_iter().filter(move |rule| rule.group == group)
}

fn index() -> String {
    let mut text = String::from(
        "# What `docker offline diagnose` looks for\n\n\
         Written by `make docs`; do not edit.\n\n\
         Each rule has an id that stays the same. `docker offline diagnose --explain ID` prints what stands here. \
         `--format json` follows [schema.json](schema.json).\n\n\
         每条规则的 id 不会改变。`docker offline diagnose --explain ID --lang zh` 显示此处的说明。\n",
    );
    for group in OF_RULES {
        let _ = writeln!(
            text,
            "\n## [{} / {}]({}.md)\n\n| id | worst | |\n|---|---|---|",
            group.title().en,
            group.title().zh,
            group.name()
        );
        for rule in of_group(group) {
            let _ = writeln!(
                text,
                "| [{id}]({file}.md#{id}) | {worst} | {promise} {zh} |",
                id = rule.id,
                file = group.name(),
                worst = word(rule.worst),
                promise = rule.promise.en,
                zh = rule.promise.zh,
            );
        }
    }
    text += super::log::SECTION;
    text
}

fn page(group: Group) -> String {
    let mut text = format!(
        "# {} / {}\n\nWritten by `make docs`; do not edit.\n",
        group.title().en,
        group.title().zh
    );
    for rule in of_group(group) {
        let _ = write!(
            text,
            "\n## {}\n\nAt worst: {}.\n\n{}\n\n{}\n\n**What to do.** {}\n\n{}\n\n{}\n\n**处理方法。** {}\n",
            rule.id,
            word(rule.worst),
            rule.promise.en,
            rule.why.en,
            rule.remedy.en,
            rule.promise.zh,
            rule.why.zh,
            rule.remedy.zh,
        );
    }
    text
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Ok => "nothing",
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// How many letters have to be changed, added or taken away.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_documented_in_both_languages() {
        let text: String = pages().into_iter().map(|(_, text)| text).collect();
        for rule in rules() {
            assert!(text.contains(&format!("\n## {}\n", rule.id)), "{}", rule.id);
            for words in [&rule.promise, &rule.why, &rule.remedy] {
                assert!(
                    !words.en.is_empty() && words.zh.chars().any(|c| c > '\u{2e80}'),
                    "{}",
                    rule.id
                );
            }
        }
    }

    #[test]
    fn a_mistyped_id_is_guessed() {
        assert_eq!(suggestion("engine-dsik"), Some("engine-disk"));
        assert_eq!(suggestion("buildx"), Some("buildx"));
        assert_eq!(suggestion("zzzzzzzz"), None);
    }
}
