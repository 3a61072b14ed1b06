//! `models`: of Ollama's store, and of hubs.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::super::Error;
use super::read::{Place, Reader, named, text_at};
use super::{ModelHub, ModelStore, OfflineModel};

/// What an entry has.
pub(super) const MODEL_KEYS: [&str; 5] = ["ollama", "huggingface", "modelscope", "from", "target"];
/// What a model of a hub has; a text alone is its first field.
pub(super) const HUB_KEYS: [&str; 3] = ["repo", "revision", "files"];

impl Reader<'_> {
    pub(super) fn models(&mut self, place: Place<'_>, entry: &Value) -> Result<(), Error> {
        let Value::Object(fields) = entry else {
            let words =
                "each entry of `models` is a mapping with `ollama`, `huggingface` or `modelscope`";
            return Err(self.error(place, "", words.into()));
        };
        for key in fields.keys() {
            self.known(place, key, &MODEL_KEYS)?;
        }
        let fields: BTreeMap<String, Value> = fields.clone().into_iter().collect();
        let mut stores = Vec::new();
        for key in ["from", "target"] {
            let store = match text_at(&fields, key) {
                None => None,
                Some(text) => match self.store(place, &text)? {
                    None => return Ok(()),
                    some => some,
                },
            };
            stores.push(store);
        }
        let (target, from) = (stores.pop().flatten(), stores.pop().flatten());
        let mut found = false;
        for hub in ModelHub::ALL {
            let list = match fields.get(hub.name()) {
                None | Some(Value::Null) => continue,
                Some(Value::Array(list)) => list.clone(),
                Some(one) => vec![one.clone()],
            };
            found = true;
            let wants_from = hub == ModelHub::Ollama;
            if !wants_from && from.is_some() {
                let words = "`from` is for `ollama`: hubs are asked by their address";
                return Err(self.error(place, "from", words.into()));
            }
            let Some(target) = target.as_ref().or(from.as_ref()) else {
                let words = if wants_from {
                    "models of Ollama need `from`: the folder or volume of their store"
                } else {
                    "models of a hub need a `target`: a folder or volume that is their cache"
                };
                return Err(self.error(place, hub.name(), words.into()));
            };
            for one in &list {
                self.model(place, hub, one, from.as_ref(), target)?;
            }
        }
        if found {
            return Ok(());
        }
        let words = "an entry of `models` names no `ollama`, `huggingface` or `modelscope`";
        Err(self.error(place, "", words.into()))
    }

    fn model(
        &mut self,
        place: Place<'_>,
        hub: ModelHub,
        entry: &Value,
        from: Option<&ModelStore>,
        target: &ModelStore,
    ) -> Result<(), Error> {
        let keys = if hub == ModelHub::Ollama {
            &HUB_KEYS[..1]
        } else {
            &HUB_KEYS[..]
        };
        let fields = self.fields(
            Place {
                key: "models",
                ..place
            },
            entry,
            keys,
        )?;
        let Some(name) = text_at(&fields, "repo") else {
            let words = format!("a model of `{}` names no `repo`", hub.name());
            return Err(self.error(place, hub.name(), words));
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
        let well = name.chars().all(plain)
            && name
                .split(['/', ':'])
                .all(|part| !matches!(part, "" | "." | ".."));
        if !well || (hub == ModelHub::ModelScope && name.split('/').count() != 2) {
            let words = format!("{name:?} is no name of a model");
            return Err(self.error(place, &name, words));
        }
        let files = match fields.get("files") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(list)) => {
                let texts = list.iter().filter_map(|v| v.as_str().map(str::to_owned));
                texts.collect()
            }
            Some(_) => return Err(self.error(place, "files", "`files` has to be a list".into())),
        };
        let one = OfflineModel {
            hub,
            revision: self.text_of(place, &fields, "revision")?,
            files,
            from: from.filter(|_| hub == ModelHub::Ollama).cloned(),
            target: target.clone(),
            service: place.service.map(str::to_owned),
            location: self.location(place, &name),
            name: name.clone(),
        };
        let differs = |other: &OfflineModel| {
            let same = (&other.files, &other.from) == (&one.files, &one.from);
            other.key() == one.key() && !same
        };
        if self.found.models.iter().any(differs) {
            let words = format!("{name} is declared twice, with other files or from elsewhere");
            return Err(self.error(place, &name, words));
        }
        self.found.models.push(one);
        Ok(())
    }

    /// A folder, where it looks like a path; else a volume. `None` for a volume of services
    /// that no active profile enables.
    fn store(&self, place: Place<'_>, text: &str) -> Result<Option<ModelStore>, Error> {
        if !text.contains('/') && text != "." {
            if let Some(volume) = named(self.resolved, text) {
                return Ok(Some(ModelStore::Volume(volume)));
            }
            if self
                .everything
                .is_some_and(|all| named(all, text).is_some())
            {
                return Ok(None);
            }
            let words = format!("the project has no volume {text}; a folder is written ./{text}");
            return Err(self.error(place, text, words));
        }
        let absolute = self.absolute(text);
        let folder = self.absolute(".");
        let within = absolute.strip_prefix(&folder).unwrap_or(Path::new(""));
        let path = if within.as_os_str().is_empty() {
            &absolute
        } else {
            within
        };
        match path.to_str() {
            Some(path) if path != "/" && absolute != folder => {
                Ok(Some(ModelStore::Folder(path.to_owned())))
            }
            _ => {
                let words = format!("{text:?} is no place of its own");
                Err(self.error(place, text, words))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Written, is_refused};
    use super::*;

    #[test]
    fn what_is_declared_is_read() {
        let text = "x-offline:\n  models:\n    - ollama: [qwen3:0.6b]\n      from: data\n    - huggingface: [{repo: a/b, revision: v1, files: ['*.json']}, c/d]\n      target: ./hf/\n    - modelscope: e/f\n      target: /opt/ms\nservices: {a: {image: a, volumes: [\"data:/d\"]}}\nvolumes: {data: }\n";
        let found = Written::new(text).read().unwrap().offline.models;
        let keys: Vec<_> = found.iter().map(OfflineModel::key).collect();
        assert_eq!(
            keys,
            [
                "ollama/qwen3:0.6b",
                "huggingface/a/b@v1",
                "huggingface/c/d",
                "modelscope/e/f"
            ]
        );
        assert!(matches!(&found[0].target, ModelStore::Volume(v) if v.key == "data"));
        assert_eq!(found[0].from, Some(found[0].target.clone()));
        assert_eq!(found[1].target, ModelStore::Folder("hf".into()));
        assert_eq!(found[1].files, ["*.json"]);
        assert_eq!(found[3].target, ModelStore::Folder("/opt/ms".into()));
        assert_eq!(found[1].location.as_ref().unwrap().line, Some(5));
    }

    #[test]
    fn what_cannot_be_read_is_said_by_file_and_line() {
        for (entry, words) in [
            ("qwen", "is a mapping with"),
            ("{target: ./a}", "names no `ollama`"),
            ("{ollama: [a]}", "need `from`"),
            ("{huggingface: [a/b]}", "need a `target`"),
            (
                "{huggingface: [a/b], from: ./x, target: ./a}",
                "`from` is for `ollama`",
            ),
            ("{ollama: [a], from: nothing}", "no volume nothing"),
            ("{ollama: ['../a'], from: ./x}", "no name of a model"),
            ("{modelscope: [a], target: ./x}", "no name of a model"),
            (
                "{huggingface: [{repo: a/b, files: c}], target: ./a}",
                "`files` has to be a list",
            ),
            (
                "{huggingface: [{name: a/b}], target: ./a}",
                "unknown key `name`",
            ),
            ("{ollama: [a], from: .}", "no place of its own"),
            ("{openai: [a], target: ./a}", "unknown key `openai`"),
        ] {
            is_refused(&format!("x-offline:\n  models:\n    - {entry}"), words);
        }
    }
}
