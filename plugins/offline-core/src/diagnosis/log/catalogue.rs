use std::collections::HashMap;
use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use serde::Deserialize;

use crate::diagnosis::{Group, Rule, Severity, Text};

/// The table, as it stands in the repository.
const TABLE: &str = include_str!("catalogue.toml");

/// Remedies for steps of builds.
const OF_BUILDS: [&str; 2] = ["cache", "export"];
/// The remedy for what is asked for when a container runs.
const AT_RUN: &str = "start";

/// A failure that is known by the words of the tool that fails.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Stable name.
    pub(super) id: String,
    /// Whose words they are.
    pub(super) tool: String,
    /// How near the root a cause is: 100 explains everything around it, 1 only
    /// says that something failed.
    pub(super) rank: u32,
    /// A warning where it is not said to be an error.
    #[serde(default)]
    pub(super) warning: bool,
    /// Left out where another entry explains more.
    #[serde(default)]
    pub(super) general: bool,
    /// Regular expressions, the most telling first. One line must match.
    pub(super) matches: Vec<String>,
    /// A line that matches one of these is not meant.
    #[serde(default)]
    pub(super) unless: Vec<String>,
    /// What has happened.
    pub(super) title: Words,
    /// Why.
    pub(super) cause: Words,
    /// What to do.
    pub(super) remedy: Vec<Deed>,
    /// Names of remedies that several entries have; they come after its own.
    #[serde(default)]
    advice: Vec<String>,
    /// What to do where a container says it when it runs, in place of all of the
    /// remedies that speak of a build.
    #[serde(skip)]
    pub(super) at_run: Vec<Deed>,
    /// Where the words are from.
    pub(super) source: String,
}

/// A text in both languages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    pub(super) en: String,
    pub(super) zh: String,
}

/// A sentence or a command.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Deed {
    /// A command; `{name}` is what a group of this name has matched.
    Run {
        /// The command.
        run: String,
    },
    /// A sentence.
    Say(Words),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    advice: HashMap<String, Vec<Deed>>,
    entry: Vec<Entry>,
}

/// All entries, with one automaton for all their patterns: a line is read once,
/// whatever the number of entries.
#[derive(Debug)]
pub(super) struct Catalogue {
    pub(super) entries: Vec<Entry>,
    set: RegexSet,
    /// Of each pattern of the set: entry, and place in it; none is an `unless`.
    patterns: Vec<(usize, Option<usize>)>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    // The table is part of the program, and a test reads it.
    Catalogue::parse(TABLE).unwrap_or_else(|error| panic!("catalogue.toml: {error}"))
});

static RULES: LazyLock<Vec<Rule>> =
    LazyLock::new(|| CATALOGUE.entries.iter().map(Entry::rule).collect());

/// The catalogue.
pub(super) fn catalogue() -> &'static Catalogue {
    &CATALOGUE
}

/// The entries as rules, for `--explain`.
pub fn rules() -> &'static [Rule] {
    &RULES
}

impl Catalogue {
    pub(super) fn parse(table: &str) -> Result<Self, String> {
        let table: Table = toml::from_str(table).map_err(|e| e.to_string())?;
        let mut entries = table.entry;
        // What a step of a build lacks comes from a bundle; what a container asks for
        // when it runs never does.
        let at_run = table.advice.get(AT_RUN).cloned().unwrap_or_default();
        for entry in &mut entries {
            let of_builds = entry.advice.iter().any(|name| OF_BUILDS.contains(&&**name));
            if of_builds {
                entry.at_run.clone_from(&at_run);
            }
            for name in &entry.advice {
                let advice = table.advice.get(name);
                let advice = advice.ok_or_else(|| format!("{}: no advice {name}", entry.id))?;
                entry.remedy.extend(advice.iter().cloned());
            }
        }
        let mut patterns = Vec::new();
        let mut expressions = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            for (place, expression) in entry.matches.iter().enumerate() {
                patterns.push((at, Some(place)));
                expressions.push(expression);
            }
            for expression in &entry.unless {
                patterns.push((at, None));
                expressions.push(expression);
            }
        }
        let set = RegexSetBuilder::new(&expressions)
            .unicode(false)
            .size_limit(64 << 20)
            .dfa_size_limit(16 << 20)
            .build()
            .map_err(|e| e.to_string())?;
        Ok(Self {
            entries,
            set,
            patterns,
        })
    }

    /// The entries that a line matches, each with the place of its best pattern.
    pub(super) fn find(&self, line: &[u8], found: &mut Vec<(usize, usize)>) {
        found.clear();
        let matches = self.set.matches(line);
        if !matches.matched_any() {
            return;
        }
        for pattern in &matches {
            let (entry, Some(place)) = self.patterns[pattern] else {
                continue;
            };
            if found.last().is_none_or(|(last, _)| *last != entry) {
                found.push((entry, place));
            }
        }
        let excluded: Vec<usize> = matches
            .iter()
            .filter(|pattern| self.patterns[*pattern].1.is_none())
            .map(|pattern| self.patterns[pattern].0)
            .collect();
        found.retain(|(entry, _)| !excluded.contains(entry));
    }
}

impl Entry {
    /// A pattern by itself, for the groups in it.
    pub(super) fn pattern(&self, place: usize) -> Option<Regex> {
        let expression = self.matches.get(place)?;
        RegexBuilder::new(expression).unicode(false).build().ok()
    }

    pub(super) fn severity(&self) -> Severity {
        if self.warning {
            Severity::Warning
        } else {
            Severity::Error
        }
    }

    fn rule(&'static self) -> Rule {
        let join = |zh: bool| {
            let parts = self.remedy.iter().map(|deed| match deed {
                Deed::Run { run } => format!("    {run}"),
                Deed::Say(words) if zh => words.zh.clone(),
                Deed::Say(words) => words.en.clone(),
            });
            parts.collect::<Vec<_>>().join("\n")
        };
        Rule {
            id: &self.id,
            group: Group::Log,
            worst: self.severity(),
            promise: Text::fixed(&self.title.en, &self.title.zh),
            why: Text::fixed(&self.cause.en, &self.cause.zh),
            remedy: Text::made(join(false), join(true)),
            check: |_, _| Vec::new(),
        }
    }
}
