//! Compose files that we generate.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};
use serde_yaml::value::{Tag, TaggedValue};

/// As the only key of an object: Compose takes the value below it in the place of what
/// the files before say (Compose 2.24).
pub(super) const OVERRIDE: &str = "!override";
/// The same for nothing: Compose forgets what the files before say (Compose 2.18).
pub(super) const RESET: &str = "!reset";

/// The text of a file for Compose.
pub(super) fn rendered(
    services: &BTreeMap<String, Value>,
    secrets: &BTreeMap<String, PathBuf>,
) -> Result<String, serde_yaml::Error> {
    let files = secrets.iter().map(|(name, path)| {
        let file = escaped(&path.to_string_lossy());
        (name.clone(), json!({ "file": file }))
    });
    let files: BTreeMap<String, Value> = files.collect();
    let mut all = json!({ "services": services });
    if !files.is_empty() {
        all["secrets"] = json!(files);
    }
    serde_yaml::to_string(&with_tags(&all)?)
}

/// Compose expands `$` in its files.
pub(super) fn escaped(text: &str) -> String {
    text.replace('$', "$$")
}

fn with_tags(value: &Value) -> Result<serde_yaml::Value, serde_yaml::Error> {
    Ok(match value {
        Value::Object(map) => {
            if let Some((tag, inner)) = map.iter().next().filter(|(key, _)| key.starts_with('!')) {
                let value = with_tags(inner)?;
                let tag = Tag::new(tag);
                return Ok(serde_yaml::Value::Tagged(Box::new(TaggedValue {
                    tag,
                    value,
                })));
            }
            let mut mapping = serde_yaml::Mapping::new();
            for (key, value) in map {
                mapping.insert(key.as_str().into(), with_tags(value)?);
            }
            serde_yaml::Value::Mapping(mapping)
        }
        Value::Array(list) => {
            let list: Result<Vec<_>, _> = list.iter().map(with_tags).collect();
            serde_yaml::Value::Sequence(list?)
        }
        other => serde_yaml::to_value(other)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_written_as_compose_reads_them() {
        let services = BTreeMap::from([(
            "api".to_owned(),
            json!({"build": {"cache_to": {RESET: null}, "platforms": {OVERRIDE: ["linux/amd64"]}}}),
        )]);
        let secrets = BTreeMap::from([("s".to_owned(), PathBuf::from("/a$b"))]);
        assert_eq!(
            rendered(&services, &secrets).unwrap(),
            "secrets:\n  s:\n    file: /a$$b\nservices:\n  api:\n    build:\n      cache_to: !reset null\n      platforms: !override\n      - linux/amd64\n"
        );
    }
}
