//! `packages`: what a package manager shall fetch besides what the steps of a build ask for.

use serde_json::Value;

use super::super::Error;
use super::read::{Place, Reader};
use super::{OfflinePackage, PackageTool};

impl Reader<'_> {
    pub(super) fn packages(&mut self, place: Place<'_>, value: &Value) -> Result<(), Error> {
        let Value::Object(map) = value else {
            let words = "`packages` is a mapping with `apt`, `npm` or `pip`";
            return Err(self.error(place, "", words.into()));
        };
        let tools: Vec<&str> = PackageTool::ALL.iter().map(|tool| tool.name()).collect();
        for (key, list) in map {
            self.known(place, key, &tools)?;
            let mut all = PackageTool::ALL.into_iter();
            let Some(tool) = all.find(|tool| tool.name() == key) else {
                continue;
            };
            let words = match list {
                Value::Null => continue,
                Value::Array(words) => words.as_slice(),
                one => std::slice::from_ref(one),
            };
            for word in words {
                self.package(place, tool, word)?;
            }
        }
        Ok(())
    }

    fn package(&mut self, place: Place<'_>, tool: PackageTool, word: &Value) -> Result<(), Error> {
        let Some(text) = word.as_str() else {
            let words = format!(
                "each package of `{}` has to be a text, in quotes where YAML takes it for something else",
                tool.name()
            );
            return Err(self.error(place, tool.name(), words));
        };
        let near = if text.is_empty() { tool.name() } else { text };
        let word = package_word(text).map_err(|why| self.error(place, near, why))?;
        self.found.packages.push(OfflinePackage {
            tool,
            word,
            service: place.service.map(str::to_owned),
            location: self.location(place, text),
        });
        Ok(())
    }
}

/// A package as its tool takes it, in one word of a command; else why it is none.
pub fn package_word(text: &str) -> Result<String, String> {
    let word = text.trim();
    // A number that YAML has read is one, too.
    let is_number = word.chars().all(|c| c.is_ascii_digit() || c == '.');
    let is_odd = word.starts_with('-') || word.contains(char::is_control);
    if is_number || is_odd || word.contains("<<") {
        return Err(format!(
            "{text:?} is no package: name it as the tool takes it, such as torch==2.*, left-pad@^1 or jq"
        ));
    }
    Ok(word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Written, is_refused};

    #[test]
    fn what_is_declared_is_read() {
        let text = "x-offline:\n  packages:\n    pip:\n      - torch==2.*\n      - 'idna>=3'\n    npm: left-pad@^1\nservices:\n  a:\n    image: a\n    x-offline:\n      packages: {apt: [jq, tree]}\n";
        let found = Written::new(text).read().unwrap().offline.packages;
        let found: Vec<_> = found
            .iter()
            .map(|p| {
                let line = p.location.as_ref().and_then(|l| l.line).unwrap();
                (p.tool.name(), p.word.as_str(), p.service.as_deref(), line)
            })
            .collect();
        assert_eq!(
            found,
            [
                ("npm", "left-pad@^1", None, 6),
                ("pip", "torch==2.*", None, 4),
                ("pip", "idna>=3", None, 5),
                ("apt", "jq", Some("a"), 11),
                ("apt", "tree", Some("a"), 11),
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_said_by_file_and_line() {
        for (bad, words) in [
            ("\n    gem: [rails]", "unknown key `gem`"),
            ("\n    pip: [1.10]", "is no package"),
            ("\n    pip: [{name: torch}]", "has to be a text"),
            ("\n    pip:\n      - --pre", "is no package"),
            ("\n    apt: ['']", "is no package"),
            (" [torch]", "is a mapping"),
        ] {
            is_refused(&format!("x-offline:\n  packages:{bad}"), words);
        }
    }
}
