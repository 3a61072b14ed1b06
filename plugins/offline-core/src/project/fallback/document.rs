//! YAML, with what Compose adds to it: merge keys that refer to merge keys, and
//! the tags `!reset` and `!override`.

use std::path::Path;

use serde::Deserialize as _;
use serde_yaml::Value;

use super::super::{Error, Location};
use super::scalars::go_float;
use super::{Map, Tree};

/// One YAML document of a Compose file.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) tree: Map,
    /// Paths at which what earlier files say is dropped.
    pub(super) resets: Vec<Vec<String>>,
}

impl Document {
    /// Drops from `tree` what this document resets or overrides.
    pub(super) fn reset(&self, tree: &mut Map) {
        for path in &self.resets {
            remove(tree, path);
        }
    }
}

fn remove(tree: &mut Map, path: &[String]) {
    match path {
        [] => {}
        [last] => {
            tree.remove(last);
        }
        [first, rest @ ..] => {
            if let Some(Tree::Object(inner)) = tree.get_mut(first) {
                remove(inner, rest);
            }
        }
    }
}

/// Reads all documents of a file.
pub(super) fn parse(path: &Path) -> Result<Vec<Document>, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => Error::IncludeMissing {
            path: path.to_owned(),
            location: None,
        },
        _ => Error::Io {
            path: path.to_owned(),
            source,
        },
    })?;
    parse_text(path, &text)
}

fn parse_text(path: &Path, text: &str) -> Result<Vec<Document>, Error> {
    let invalid = |line: Option<usize>, message: String| Error::Invalid {
        location: Some(Location::new(
            path,
            line.and_then(|l| u32::try_from(l).ok()),
        )),
        message,
    };
    let mut documents = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        let mut value = Value::deserialize(document)
            .map_err(|error| invalid(error.location().map(|l| l.line()), error.to_string()))?;
        // One pass does not follow a merged mapping's own merge key.
        while has_merge_key(&value) {
            value
                .apply_merge()
                .map_err(|error| invalid(merge_line(text), error.to_string()))?;
        }
        let mut resets = Vec::new();
        match tree(value, &mut Vec::new(), &mut resets) {
            Some(Tree::Object(tree)) => documents.push(Document { tree, resets }),
            // `docker compose config` refuses an empty file.
            Some(Tree::Null) | None if text.trim().is_empty() => {
                return Err(invalid(None, "empty compose file".into()));
            }
            _ => return Err(invalid(None, "top-level object must be a mapping".into())),
        }
    }
    if documents.is_empty() {
        return Err(invalid(None, "empty compose file".into()));
    }
    Ok(documents)
}

fn merge_line(text: &str) -> Option<usize> {
    let at = text
        .lines()
        .position(|l| l.trim_start().starts_with("<<:"))?;
    Some(at + 1)
}

fn has_merge_key(value: &Value) -> bool {
    match value {
        Value::Mapping(map) => map
            .iter()
            .any(|(key, value)| key.as_str() == Some("<<") || has_merge_key(value)),
        Value::Sequence(list) => list.iter().any(has_merge_key),
        Value::Tagged(tagged) => has_merge_key(&tagged.value),
        _ => false,
    }
}

/// `None` for what `!reset` takes away.
fn tree(value: Value, path: &mut Vec<String>, resets: &mut Vec<Vec<String>>) -> Option<Tree> {
    Some(match value {
        Value::Null => Tree::Null,
        Value::Bool(flag) => Tree::Bool(flag),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), _, _) => whole.into(),
            (_, Some(whole), _) => whole.into(),
            (_, _, float) => Tree::String(go_float(float.unwrap_or(f64::NAN))),
        },
        Value::String(text) => Tree::String(text),
        Value::Sequence(list) => {
            let mut out = Vec::with_capacity(list.len());
            for (index, entry) in list.into_iter().enumerate() {
                path.push(index.to_string());
                out.extend(tree(entry, path, resets));
                path.pop();
            }
            Tree::Array(out)
        }
        Value::Mapping(map) => {
            let mut out = Map::new();
            for (key, value) in map {
                let key = key_text(&key);
                path.push(key.clone());
                if let Some(value) = tree(value, path, resets) {
                    out.insert(key, value);
                }
                path.pop();
            }
            Tree::Object(out)
        }
        Value::Tagged(tagged) => {
            if tagged.tag == "!reset" {
                resets.push(path.clone());
                return None;
            }
            if tagged.tag == "!override" {
                resets.push(path.clone());
            }
            return tree(tagged.value, path, resets);
        }
    })
}

fn key_text(key: &Value) -> String {
    match key {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Vec<Document>, Error> {
        parse_text(Path::new("/p/compose.yaml"), text)
    }

    #[test]
    fn merge_keys_are_followed_to_their_end() {
        let text = "\
x-a: &a {one: 1, two: 2}
x-b: &b
  <<: *a
  two: b
services:
  web:
    <<: *b
    three: 3
  all:
    <<: [{four: 4}, *b]
";
        let document = &read(text).unwrap()[0];
        let services = &document.tree["services"];
        assert_eq!(services["web"], json!({"one": 1, "two": "b", "three": 3}));
        assert_eq!(services["all"], json!({"four": 4, "one": 1, "two": "b"}));
    }

    #[test]
    fn broken_yaml_is_named_with_its_line() {
        let message = |text: &str| read(text).unwrap_err().to_string();
        for (text, expected) in [
            ("services:\n  a: [1\n", "/p/compose.yaml:3: "),
            ("a: 1\nb: 2\na: 3\n", "/p/compose.yaml:"),
            ("a: 1\nb:\n  <<: 5\n", "/p/compose.yaml:3: "),
            ("", "/p/compose.yaml: "),
            ("- a\n", "/p/compose.yaml: "),
        ] {
            let message = message(text);
            assert!(message.starts_with(expected), "{message}");
        }
    }

    #[test]
    fn numbers_are_written_as_compose_writes_them() {
        let document = &read("a: 3.10\nb: 0x10\nc: 1.0\nd: 1e7\ne: '3.10'\n").unwrap()[0];
        let expected = json!({"a": "3.1", "b": 16, "c": "1", "d": "1e+07", "e": "3.10"});
        assert_eq!(Tree::Object(document.tree.clone()), expected);
    }

    #[test]
    fn tags_of_compose_are_kept_as_resets() {
        let text = "services:\n  a:\n    build: !reset null\n    ports: !override [1]\n";
        let document = &read(text).unwrap()[0];
        let mut base = json!({"services": {"a": {"build": ".", "ports": [2], "image": "i"}}});
        document.reset(base.as_object_mut().unwrap());
        assert_eq!(base, json!({"services": {"a": {"image": "i"}}}));
        assert_eq!(document.tree["services"]["a"], json!({"ports": [1]}));
    }
}
