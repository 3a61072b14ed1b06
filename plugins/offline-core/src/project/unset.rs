//! What an unset variable has made of a Compose file, and where its value may be
//! copied from.

use std::path::{Path, PathBuf};

use super::source_lines::Sources;
use super::{Error, Location};

/// What people call the file from which `.env` is copied, in the order of preference.
const EXAMPLES: [&str; 12] = [
    ".env.example",
    ".env.sample",
    ".env.template",
    ".env.dist",
    ".env.default",
    ".env.defaults",
    ".env-example",
    ".env.tmpl",
    "env.example",
    "example.env",
    "sample.env",
    "default.env",
];

/// An example of `.env` that sets a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvExample {
    /// The example, and the line that sets the variable.
    pub location: Location,
    /// The `.env` beside it, if there is one already.
    pub existing: Option<PathBuf>,
}

/// Variables that are not set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unset {
    /// Their names.
    pub variables: Vec<String>,
    /// An example of `.env` that sets one of them.
    pub example: Option<EnvExample>,
}

impl Unset {
    pub(super) fn of(variables: &[String], sources: &Sources) -> Self {
        Self {
            variables: variables.to_vec(),
            example: EnvExample::find(variables, sources),
        }
    }

    /// What to do about them; nothing where there are none.
    pub fn remedy(&self) -> Option<String> {
        let names = self.variables.join(", ");
        Some(match (&self.example, self.variables.as_slice()) {
            (_, []) => return None,
            (Some(example), _) => example.remedy(&names),
            (None, [one]) => format!(
                "{one} is not set: set it in .env or in the environment, or give it a default with ${{{one}:-default}}"
            ),
            (None, _) => format!(
                "these variables are not set: {names}; set them in .env or in the environment"
            ),
        })
    }
}

impl EnvExample {
    /// The example beside one of the Compose files that sets one of these variables.
    pub(super) fn find(variables: &[String], sources: &Sources) -> Option<Self> {
        sources.folders().find_map(|folder| {
            EXAMPLES
                .iter()
                .map(|name| folder.join(name))
                .find_map(|file| {
                    let line = line_that_sets(&std::fs::read_to_string(&file).ok()?, variables)?;
                    let existing = Some(folder.join(".env")).filter(|env| env.is_file());
                    Some(Self {
                        location: Location::new(&file, Some(line)),
                        existing,
                    })
                })
        })
    }

    /// What to do with it.
    pub fn remedy(&self, variables: &str) -> String {
        match &self.existing {
            Some(existing) => format!(
                "set {variables} in {}; {} shows how",
                existing.display(),
                self.location
            ),
            None => format!(
                "cp {} {}, and put your own values into it ({variables}: line {})",
                self.location.file.display(),
                self.location.file.with_file_name(".env").display(),
                self.location.line.unwrap_or(1)
            ),
        }
    }
}

fn line_that_sets(text: &str, variables: &[String]) -> Option<u32> {
    // Examples have optional settings as comments.
    let sets = |line: &str| {
        let line = line.trim_start_matches([' ', '\t', '#']);
        let line = line.strip_prefix("export ").unwrap_or(line);
        let name = line.split(['=', ':']).next().unwrap_or_default().trim();
        line.contains('=') && variables.iter().any(|v| v == name)
    };
    let index = text.lines().position(sets)?;
    u32::try_from(index + 1).ok()
}

/// The error behind what Compose says, where it comes of variables that are not
/// set: the line that they stand in, with nothing in their place, is what Compose
/// could not read.
pub(super) fn broken_by(message: &str, unset: &[String], sources: &Sources) -> Option<Error> {
    let uses: Vec<Use> = sources.lines().filter_map(|l| Use::of(l, unset)).collect();
    let at_key = named_key(message).and_then(|keys| {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        // Not of a whole service, whose other keys have nothing to do with it; what
        // is written in braces is found by the key before them.
        let key = (3..=keys.len())
            .rev()
            .find_map(|length| sources.exact_key(&keys[..length]))?;
        let value = value_lines(&key, sources);
        let in_value = |u: &&Use| {
            u.location.file == key.file && u.location.line.is_some_and(|l| value.contains(&l))
        };
        uses.iter().find(in_value)
    });
    let found = at_key
        .or_else(|| {
            uses.iter()
                .find(|u| !u.blanked.is_empty() && message.contains(&u.blanked))
        })
        .or_else(|| {
            // What stands alone is replaced by nothing at all.
            let names_nothing = message.contains("env file  not found")
                || message.contains("name must not be empty")
                || message.ends_with(": ");
            uses.iter().find(|u| names_nothing && u.blanked.is_empty())
        })?;
    Some(Error::UnsetVariable {
        unset: Box::new(Unset::of(&found.variables, sources)),
        left: found.blanked.clone(),
        message: message.to_owned(),
        location: found.location.clone(),
    })
}

/// The lines of a key with its value.
fn value_lines(key: &Location, sources: &Sources) -> std::ops::RangeInclusive<u32> {
    let first = key.line.unwrap_or(0);
    let mut lines = sources
        .lines()
        .filter(|(file, number, _)| *file == key.file && *number >= first)
        .map(|(_, number, text)| (number, text));
    let indent = |text: &str| text.len() - text.trim_start().len();
    let of_key = lines.next().map_or(0, |(_, text)| indent(text));
    let inside = |text: &str| {
        let item = text.trim_start().starts_with('-') && indent(text) == of_key;
        text.trim().is_empty() || indent(text) > of_key || item
    };
    let last = lines.take_while(|(_, text)| inside(text)).last();
    first..=last.map_or(first, |(number, _)| number)
}

/// A line that uses variables which are not set.
struct Use {
    location: Location,
    variables: Vec<String>,
    /// Its value as Compose sees it, without quotes.
    blanked: String,
}

impl Use {
    fn of((file, line, text): (&Path, u32, &str), unset: &[String]) -> Option<Self> {
        let text = text.trim();
        if text.starts_with('#') {
            return None;
        }
        let mut blanked = text.to_owned();
        let mut variables = Vec::new();
        for name in unset {
            for form in [
                format!("${{{name}}}"),
                format!("${{{name}-}}"),
                format!("${{{name}:-}}"),
            ] {
                if blanked.contains(&form) {
                    blanked = blanked.replace(&form, "");
                    variables.push(name.clone());
                }
            }
            let bare = format!("${name}");
            while let Some(at) = find_bare(&blanked, &bare) {
                blanked.replace_range(at..at + bare.len(), "");
                variables.push(name.clone());
            }
        }
        variables.dedup();
        let value = blanked.strip_prefix("- ").unwrap_or(&blanked);
        let value = value.split_once(": ").map_or(value, |(_, value)| value);
        let value = if value.ends_with(':') && !text.ends_with('}') {
            ""
        } else {
            value
        };
        let value = value.trim().trim_matches(['"', '\'', '[', ']']).trim();
        (!variables.is_empty()).then(|| Self {
            location: Location::new(file, Some(line)),
            blanked: value.trim_matches(['"', '\'']).to_owned(),
            variables,
        })
    }
}

/// `$NAME` where no longer name stands.
fn find_bare(text: &str, bare: &str) -> Option<usize> {
    text.match_indices(bare).map(|(at, _)| at).find(|at| {
        let next = text[at + bare.len()..].chars().next();
        !next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// The key that a message names: `services.web.ports.[]`, `'services[web].mem_limit'`.
pub(super) fn named_key(message: &str) -> Option<Vec<String>> {
    let word = message
        .split([' ', '\n', '\'', '"'])
        .map(|w| w.trim_end_matches([':', ',', '.']))
        .find(|w| w.starts_with("services.") || w.starts_with("services["))?;
    let keys = word
        .split(['.', '[', ']'])
        .filter(|key| !key.is_empty())
        .map(str::to_owned);
    Some(keys.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Explain;

    /// The line and the variables that are found for what Compose prints.
    fn found(line: &str, message: &str) -> Option<(u32, Vec<String>, String)> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("compose.yaml");
        let text = format!(
            "# ${{A}}\nservices:\n  db:\n    image: x\n    environment: {{P: \"$B\"}}\n  web:\n    image: busybox\n    {line}\n"
        );
        std::fs::write(&file, text).unwrap();
        std::fs::write(folder.path().join(".env.example"), "# which\n#A=/srv\n").unwrap();
        let unset = ["A".to_owned(), "B".to_owned()];
        let error = broken_by(message, &unset, &Sources::read(&[file]))?;
        let hint = error.hint().unwrap();
        let Error::UnsetVariable {
            unset, location, ..
        } = error
        else {
            panic!("{error}")
        };
        Some((location.line.unwrap(), unset.variables, hint))
    }

    #[test]
    fn the_line_that_the_variable_leaves_broken_is_found() {
        for (line, message) in [
            (
                "volumes:\n      - ${A}:/srv/x",
                "invalid spec: :/srv/x: empty section between colons",
            ),
            (
                "volumes: [\"data:${A}\"]",
                "invalid spec: data:: empty section between colons",
            ),
            ("ports:\n      - \"80:$A\"", "No port specified: 80:<empty>"),
            (
                "deploy:\n      replicas: ${A}",
                "error while interpolating services.web.deploy.replicas: failed to cast to expected type: strconv.Atoi: parsing \"\": invalid syntax",
            ),
            (
                "deploy: {replicas: \"${A}\"}",
                "error while interpolating services.web.deploy.replicas: failed to cast to expected type: strconv.Atoi: parsing \"\": invalid syntax",
            ),
            (
                "mem_limit: ${A}x",
                "decoding failed due to the following error(s):\n\n'services[web].mem_limit' invalid size: 'x'",
            ),
            (
                "mem_limit: ${A}x",
                "decoding failed due to the following error(s):\n\nerror decoding 'services[web].mem_limit': invalid size: 'x'",
            ),
            (
                "env_file: ${A}",
                "env file  not found: stat : no such file or directory",
            ),
            (
                "env_file: ${A}.env",
                "env file /p/.env not found: stat /p/.env: no such file or directory",
            ),
        ] {
            let (at, variables, hint) = found(line, message).unwrap_or_else(|| panic!("{message}"));
            assert!((8..=9).contains(&at), "{message}: {at}");
            assert_eq!(variables, ["A"], "{message}");
            assert!(hint.starts_with("cp "), "{hint}");
            assert!(hint.contains(".env.example"), "{hint}");
        }
    }

    #[test]
    fn what_has_another_cause_is_not_laid_on_a_variable() {
        for message in [
            "services.db additional properties 'imge' not allowed",
            "yaml: line 3: mapping values are not allowed in this context",
            "service \"web\" refers to undefined network x: invalid compose project",
        ] {
            assert!(
                found("ports:\n      - \"80:$A\"", message).is_none(),
                "{message}"
            );
        }
    }
}
