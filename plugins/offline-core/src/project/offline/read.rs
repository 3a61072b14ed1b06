//! Reads `x-offline`, and says by file and line what is wrong with it.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::super::named_files::plain;
use super::super::resolved::{ResolvedProject, text_of};
use super::super::source_lines::Sources;
use super::super::{Error, Location};
use super::lines::below;
use super::{
    FILE_KEYS, KEY, KEYS, Mount, MountSource, NamedVolume, Offline, OfflineFiles, OfflineVolume,
    VOLUME_KEYS,
};

/// What a project declares. `everything` is the project with every profile.
pub(in crate::project) fn read(
    resolved: &ResolvedProject,
    everything: Option<&ResolvedProject>,
    directory: &Path,
    sources: &Sources,
) -> Result<Offline, Error> {
    let mut reader = Reader {
        resolved,
        everything,
        directory,
        sources,
        found: Offline::default(),
    };
    reader.of(&resolved.offline, None)?;
    for (name, service) in &resolved.services {
        reader.of(&service.offline, Some(name))?;
        for mount in &service.volumes {
            reader.mount(name, mount);
        }
    }
    Ok(reader.found)
}

pub(super) struct Reader<'a> {
    pub(super) resolved: &'a ResolvedProject,
    pub(super) everything: Option<&'a ResolvedProject>,
    directory: &'a Path,
    sources: &'a Sources,
    pub(super) found: Offline,
}

/// Where a declaration stands: in which service, and below which key.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) service: Option<&'a str>,
    pub(super) key: &'a str,
}

impl Reader<'_> {
    fn of(&mut self, value: &Value, service: Option<&str>) -> Result<(), Error> {
        let top = Place { service, key: "" };
        let map = match value {
            Value::Null => return Ok(()),
            Value::Object(map) => map,
            _ => return Err(self.error(top, "", "it has to be a mapping".into())),
        };
        for (key, value) in map {
            let place = Place { service, key };
            self.known(top, key, KEYS)?;
            if key == "packages" && !value.is_null() {
                self.packages(place, value)?;
                continue;
            }
            let list = match value {
                Value::Null => continue,
                Value::Array(list) => list,
                _ => return Err(self.error(place, "", format!("`{key}` has to be a list"))),
            };
            for entry in list {
                match key.as_str() {
                    "containers" => self.container(place, entry)?,
                    "downloads" => self.download(place, entry)?,
                    "files" => self.files(place, entry)?,
                    "git" => self.repository(place, entry)?,
                    "images" => self.image(place, entry)?,
                    "models" => self.models(place, entry)?,
                    _ => self.volume(place, entry)?,
                }
            }
        }
        Ok(())
    }

    /// The fields of an entry; a text alone is its first field.
    pub(super) fn fields(
        &self,
        place: Place<'_>,
        entry: &Value,
        keys: &[&str],
    ) -> Result<BTreeMap<String, Value>, Error> {
        let first = keys[0];
        match entry {
            Value::Object(map) => {
                for key in map.keys() {
                    self.known(place, key, keys)?;
                }
                let fields = map.iter().map(|(k, v)| (k.clone(), v.clone()));
                Ok(fields.collect())
            }
            other => match text_of(other) {
                Some(text) => Ok([(first.to_owned(), text.into())].into()),
                None => Err(self.error(
                    place,
                    "",
                    format!(
                        "each entry of `{}` is a text, or a mapping with `{first}`",
                        place.key
                    ),
                )),
            },
        }
    }

    /// The fields of an entry, and its first one, which it must have.
    pub(super) fn entry(
        &self,
        place: Place<'_>,
        entry: &Value,
        keys: &[&str],
    ) -> Result<(BTreeMap<String, Value>, String), Error> {
        let fields = self.fields(place, entry, keys)?;
        let (key, first) = (place.key, keys[0]);
        match text_at(&fields, first) {
            Some(text) => Ok((fields, text)),
            None => Err(self.error(place, "", format!("an entry of `{key}` names no `{first}`"))),
        }
    }

    /// A field that YAML must not take for a number: `1.10` would be `1.1`.
    pub(super) fn text_of(
        &self,
        place: Place<'_>,
        fields: &BTreeMap<String, Value>,
        key: &str,
    ) -> Result<Option<String>, Error> {
        match fields.get(key) {
            Some(Value::Number(_) | Value::Bool(_)) => {
                let words = format!("`{key}` has to be a text: put it into quotes");
                Err(self.error(place, key, words))
            }
            _ => Ok(text_at(fields, key)),
        }
    }

    /// A path, from the project's folder on.
    pub(super) fn absolute(&self, path: &str) -> PathBuf {
        plain(&self.directory.join(path))
    }

    fn files(&mut self, place: Place<'_>, entry: &Value) -> Result<(), Error> {
        let (fields, path) = self.entry(place, entry, &FILE_KEYS)?;
        let source = plain(&self.directory.join(&path));
        let target = match text_at(&fields, "target") {
            Some(target) => self.checked_target(place, &target)?,
            None => self.usual_target(place, &path, &source)?,
        };
        let location = self.location(place, &path);
        let same = |other: &&OfflineFiles| other.target == target && other.source != source;
        if let Some(other) = self.found.files.iter().find(same) {
            let other = other.source.display();
            let words = format!("{target} is the target of {path} and of {other}");
            return Err(self.error(place, &path, words));
        }
        self.found.files.push(OfflineFiles {
            source,
            target,
            service: place.service.map(str::to_owned),
            location,
        });
        Ok(())
    }

    pub(super) fn checked_target(&self, place: Place<'_>, target: &str) -> Result<String, Error> {
        let path = Path::new(target);
        if path.components().any(|c| c == Component::ParentDir) {
            let words =
                format!("the target {target} contains `..`: it is absolute, or below the project");
            return Err(self.error(place, target, words));
        }
        match plain(path).to_str() {
            Some(plain) if !matches!(plain, "" | "/") => Ok(plain.to_owned()),
            _ => {
                let words = format!("the target {target:?} is no place of its own");
                Err(self.error(place, target, words))
            }
        }
    }

    /// The same place: from the project's folder on, or the absolute path.
    fn usual_target(&self, place: Place<'_>, path: &str, source: &Path) -> Result<String, Error> {
        let within = source.strip_prefix(plain(self.directory)).ok();
        let target = match within {
            Some(inner) => inner,
            None if Path::new(path).is_absolute() => source,
            None => {
                let words = format!("{path} lies outside of the project, and needs a `target`");
                return Err(self.error(place, path, words));
            }
        };
        match target.to_str() {
            Some(target) if !matches!(target, "" | "/") => Ok(target.to_owned()),
            _ => {
                let words = format!("{path} cannot be carried as a whole: name what lies in it");
                Err(self.error(place, path, words))
            }
        }
    }

    fn volume(&mut self, place: Place<'_>, entry: &Value) -> Result<(), Error> {
        let (fields, key) = self.entry(place, entry, &VOLUME_KEYS)?;
        let pause = match fields.get("pause") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(pause)) => *pause,
            Some(_) => {
                let words = format!("`pause` of the volume {key} is true or false");
                return Err(self.error(place, "pause", words));
            }
        };
        let Some(volume) = named(self.resolved, &key) else {
            if self
                .everything
                .is_some_and(|all| named(all, &key).is_some())
            {
                // Of a service that no active profile enables.
                return Ok(());
            }
            let words = format!("the project has no volume {key} that a service mounts");
            return Err(self.error(place, &key, words));
        };
        self.found.volumes.push(OfflineVolume {
            volume,
            pause,
            service: place.service.map(str::to_owned),
            location: self.location(place, &key),
        });
        Ok(())
    }

    fn mount(&mut self, service: &str, mount: &Value) {
        let Some(source) = mount["source"].as_str().filter(|s| !s.is_empty()) else {
            return;
        };
        let found = match mount["type"].as_str() {
            Some("bind") => MountSource::Bind(plain(&self.directory.join(source))),
            Some("volume") => match named(self.resolved, source) {
                Some(volume) => MountSource::Volume(volume),
                None => return,
            },
            _ => return,
        };
        // As much of it as is likely to be written there.
        let last = source.rsplit('/').next().unwrap_or(source);
        self.found.mounts.push(Mount {
            service: service.to_owned(),
            source: found,
            location: below(self.sources, &["services", service, "volumes"], last),
        });
    }

    pub(super) fn known(&self, place: Place<'_>, key: &str, keys: &[&str]) -> Result<(), Error> {
        if keys.contains(&key) {
            return Ok(());
        }
        let words = format!("unknown key `{key}`; known are {}", keys.join(", "));
        Err(self.error(place, key, words))
    }

    pub(super) fn location(&self, place: Place<'_>, text: &str) -> Option<Location> {
        let mut path = match place.service {
            Some(service) => vec!["services", service, KEY],
            None => vec![KEY],
        };
        if !place.key.is_empty() {
            path.push(place.key);
        }
        below(self.sources, &path, text)
    }

    pub(super) fn error(&self, place: Place<'_>, text: &str, message: String) -> Error {
        Error::Offline {
            location: self.location(place, text),
            message,
        }
    }
}

pub(super) fn text_at(fields: &BTreeMap<String, Value>, key: &str) -> Option<String> {
    fields.get(key).and_then(text_of).filter(|t| !t.is_empty())
}

pub(super) fn named(project: &ResolvedProject, key: &str) -> Option<NamedVolume> {
    let value = project.volumes.get(key)?;
    let options = value["driver_opts"].as_object().into_iter().flatten();
    Some(NamedVolume {
        key: key.to_owned(),
        name: text_of(&value["name"]).unwrap_or_else(|| format!("{}_{key}", project.name)),
        external: match &value["external"] {
            Value::Null | Value::Bool(false) => false,
            // `external: {name: ...}` of old files.
            _ => true,
        },
        driver: text_of(&value["driver"]).filter(|d| !d.is_empty()),
        options: options
            .filter_map(|(name, value)| Some((name.clone(), text_of(value)?)))
            .collect(),
    })
}
