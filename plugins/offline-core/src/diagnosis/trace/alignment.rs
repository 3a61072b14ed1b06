use std::collections::BTreeMap;

use super::model::Reason;
use crate::bundle::StepRecord;
use crate::closure::KeyStep;

/// Follows a stage's instructions beside those of the export.
pub(super) struct Alignment<'a> {
    then: &'a [StepRecord],
    at: usize,
}

impl<'a> Alignment<'a> {
    pub(super) fn new(then: &'a [StepRecord]) -> Self {
        Self { then, at: 0 }
    }

    /// Compares the first of these instructions with its counterpart, and says
    /// what is different about it or about what was taken away before it.
    pub(super) fn next(&mut self, now: &[KeyStep]) -> Option<Reason> {
        let step = now.first()?;
        let mut removed = None;
        loop {
            let Some(old) = self.then.get(self.at) else {
                return removed.or_else(|| Some(added(step)));
            };
            if old.text == step.text {
                self.at += 1;
                return removed;
            }
            let comes_later = now[1..].iter().any(|later| later.text == old.text);
            let came_later = self.then[self.at + 1..].iter().any(|o| o.text == step.text);
            if comes_later {
                return removed.or_else(|| Some(added(step)));
            }
            self.at += 1;
            if came_later {
                removed.get_or_insert(Reason::Removed {
                    line: old.line,
                    was: one_line(&old.text),
                });
                continue;
            }
            return removed.or_else(|| Some(changed(old, step)));
        }
    }
}

fn added(step: &KeyStep) -> Reason {
    Reason::Added {
        line: step.line,
        is: one_line(&step.text),
    }
}

fn changed(old: &StepRecord, step: &KeyStep) -> Reason {
    match (
        old.text.strip_prefix("ARG "),
        step.text.strip_prefix("ARG "),
    ) {
        (Some(was), Some(is)) => argument(was, is),
        _ => None,
    }
    .unwrap_or_else(|| match step.keyword {
        "FROM" => Reason::Base {
            was: old.text.trim_start_matches("FROM ").to_owned(),
            is: step.text.trim_start_matches("FROM ").to_owned(),
        },
        _ => Reason::Edited {
            line: step.line,
            was: one_line(&old.text),
            is: one_line(&step.text),
        },
    })
}

/// The argument that has another value, where the names are the same.
fn argument(was: &str, is: &str) -> Option<Reason> {
    let (was, is) = (values(was), values(is));
    if !was.keys().eq(is.keys()) {
        return None;
    }
    let (name, old) = was.iter().find(|(name, old)| is[*name] != **old)?;
    Some(Reason::Argument {
        name: (*name).to_owned(),
        was: old.map(str::to_owned),
        is: is[name].map(str::to_owned),
    })
}

fn values(text: &str) -> BTreeMap<&str, Option<&str>> {
    // A value may hold spaces; then it is compared as a whole.
    if text.matches('=').count() <= 1 {
        let pair = text.split_once('=');
        return BTreeMap::from([pair.map_or((text, None), |(n, v)| (n, Some(v)))]);
    }
    let words = text.split(' ');
    words
        .map(|word| match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        })
        .collect()
}

/// At most so much of an instruction is shown.
const MAX: usize = 80;

pub(super) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().count() <= MAX {
        return line;
    }
    let cut: String = line.chars().take(MAX - 3).collect();
    format!("{cut}...")
}
