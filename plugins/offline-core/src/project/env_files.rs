//! Every `env_file` that is missing. Compose stops at the first one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_yaml::Value;

use super::source_lines::Sources;
use super::{Location, ProjectOptions, files};

/// An `env_file` that a service names and that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingEnvFile {
    /// The service.
    pub service: String,
    /// The file, absolute.
    pub path: PathBuf,
    /// Where it is named, where that was found.
    pub location: Option<Location>,
}

/// Looks into the Compose files as they are written. Names with variables in
/// them, optional files (`required: false`) and included projects are left out.
pub fn missing_env_files(options: &ProjectOptions) -> Vec<MissingEnvFile> {
    let Ok(found) = files::find(options) else {
        return Vec::new();
    };
    let mut missing: Vec<MissingEnvFile> = Vec::new();
    for file in &found.files {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let mut document: Value = serde_yaml::from_str(&text).unwrap_or_default();
        let _ = document.apply_merge();
        let services = document.get("services").and_then(Value::as_mapping);
        for (service, keys) in services.into_iter().flatten() {
            let (Some(service), Some(named)) = (service.as_str(), keys.get("env_file")) else {
                continue;
            };
            for name in required(named) {
                let path: PathBuf = found.directory.join(&name).components().collect();
                let seen = missing
                    .iter()
                    .any(|m| m.path == path && m.service == service);
                if !path.exists() && !seen {
                    let key = ["services", service, "env_file"];
                    let sources = Sources::read(std::slice::from_ref(file));
                    missing.push(MissingEnvFile {
                        service: service.to_owned(),
                        path,
                        location: sources.key(&key),
                    });
                }
            }
        }
    }
    missing
}

/// Of the services that lack an `env_file`, the whole list of theirs with every file
/// made optional: builds need none of them, and where one is put there later, it is read
/// (Compose 2.24).
pub(crate) fn made_optional(options: &ProjectOptions) -> BTreeMap<String, Vec<Value>> {
    let mut lists: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let missing = missing_env_files(options);
    let Ok(found) = files::find(options) else {
        return lists;
    };
    for file in &found.files {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let mut document: Value = serde_yaml::from_str(&text).unwrap_or_default();
        let _ = document.apply_merge();
        for service in missing.iter().map(|m| m.service.as_str()) {
            if let Some(named) = document["services"][service].get("env_file") {
                let entries = match named {
                    Value::Sequence(list) => list.clone(),
                    one => vec![one.clone()],
                };
                let optional = entries.into_iter().filter_map(optional);
                let list = lists.entry(service.to_owned()).or_default();
                for entry in optional {
                    if !list.contains(&entry) {
                        list.push(entry);
                    }
                }
            }
        }
    }
    lists
}

fn optional(entry: Value) -> Option<Value> {
    let mut entry = match entry {
        Value::String(path) => {
            let mut mapping = serde_yaml::Mapping::new();
            mapping.insert("path".into(), path.into());
            mapping
        }
        Value::Mapping(mapping) => mapping,
        _ => return None,
    };
    entry.insert("required".into(), false.into());
    Some(Value::Mapping(entry))
}

fn required(named: &Value) -> Vec<String> {
    let one = |value: &Value| -> Option<String> {
        if value.get("required").and_then(Value::as_bool) == Some(false) {
            return None;
        }
        let name = value.as_str().or_else(|| value.get("path")?.as_str())?;
        (!name.contains('$')).then(|| name.to_owned())
    };
    match named {
        Value::Sequence(list) => list.iter().filter_map(one).collect(),
        other => one(other).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_file_is_named_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("compose.yaml");
        std::fs::write(dir.path().join("there.env"), "").unwrap();
        let text = "services:\n  a:\n    image: x\n    env_file: gone.env\n  b:\n    image: y\n    env_file:\n      - there.env\n      - path: lost.env\n      - path: may.env\n        required: false\n      - ${X}.env\n";
        std::fs::write(&file, text).unwrap();
        let options = ProjectOptions {
            files: vec![file],
            ..ProjectOptions::default()
        };
        let missing = missing_env_files(&options);
        let found: Vec<_> = missing
            .iter()
            .map(|m| {
                let name = m.path.file_name().unwrap().to_str().unwrap();
                let line = m.location.as_ref().unwrap().line;
                (m.service.as_str(), name, line)
            })
            .collect();
        assert_eq!(
            found,
            [("a", "gone.env", Some(4)), ("b", "lost.env", Some(7))]
        );
        let optional = serde_yaml::to_string(&made_optional(&options)).unwrap();
        assert_eq!(
            optional,
            "a:\n- path: gone.env\n  required: false\nb:\n- path: there.env\n  required: false\n- path: lost.env\n  required: false\n- path: may.env\n  required: false\n- path: ${X}.env\n  required: false\n"
        );
    }
}
