//! Compose files that we generate: what Compose is told besides the project's own files.
//!
//! The document is made of the types of docker-compose-types. What they cannot say is laid over
//! it as YAML, here and nowhere else (docs/architecture.md, "Choices with reasons").

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use docker_compose_types::{
    AdvancedBuildStep, AdvancedSecrets, BuildArgs, BuildStep, Compose, ComposeSecret,
    ComposeSecrets, PullPolicy, Service, Services,
};
use serde_yaml::value::{Tag, TaggedValue};
use serde_yaml::{Error, Mapping, Value};

/// Compose takes the value in the place of what the files before say (Compose 2.24).
const OVERRIDE: &str = "!override";
/// Compose forgets what the files before say (Compose 2.18).
const RESET: &str = "!reset";

/// What Compose is told of a service. Texts are as they are meant: what Compose would expand
/// in them is escaped where they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServiceChanges {
    pub(crate) image: Option<String>,
    pub(crate) pull_policy: Option<PullPolicy>,
    pub(crate) build: BuildChanges,
    /// In the place of the files before; as the project's own files write them, with variables.
    pub(crate) env_file: Option<Vec<Value>>,
}

/// What Compose is told of a build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BuildChanges {
    pub(crate) context: Option<PathBuf>,
    pub(crate) dockerfile: Option<PathBuf>,
    pub(crate) args: BTreeMap<String, String>,
    pub(crate) additional_contexts: BTreeMap<String, String>,
    pub(crate) secrets: Vec<AdvancedSecrets>,
    /// Whether these secrets take the place of those before.
    pub(crate) replaces_secrets: bool,
    /// In the place of those before.
    pub(crate) ssh: Option<Vec<String>>,
    /// In the place of those before.
    pub(crate) platforms: Option<Vec<String>>,
    pub(crate) pull: Option<bool>,
    /// Keys of which Compose forgets what the files before say.
    pub(crate) forgotten: BTreeSet<&'static str>,
}

/// The text of a file for Compose: services by name, and the files of secrets.
pub(crate) fn rendered(
    services: &BTreeMap<String, ServiceChanges>,
    secrets: &BTreeMap<String, PathBuf>,
) -> Result<String, Error> {
    let typed = services
        .iter()
        .map(|(name, changes)| (name.clone(), Some(changes.typed())));
    let files = secrets.iter().map(|(name, path)| {
        let file = ComposeSecret::File(escaped(&path.to_string_lossy()));
        (name.clone(), Some(file))
    });
    let file = Compose {
        services: Services(typed.collect()),
        secrets: (!secrets.is_empty()).then(|| ComposeSecrets(files.collect())),
        ..Compose::default()
    };
    let mut all = serde_yaml::to_value(file)?;
    for (name, changes) in services {
        changes.lay_over(&mut all["services"][name.as_str()])?;
    }
    // Compose refuses a file that says nothing at all.
    if services.is_empty() {
        all["services"] = Mapping::new().into();
    }
    serde_yaml::to_string(&in_order(all))
}

impl ServiceChanges {
    /// What the types can say.
    fn typed(&self) -> Service {
        let builds = self.build != BuildChanges::default();
        Service {
            image: self.image.as_deref().map(escaped),
            pull_policy: self.pull_policy.clone(),
            build_: builds.then(|| BuildStep::Advanced(self.build.typed())),
            ..Service::default()
        }
    }

    /// What they cannot: `env_file` has no entry with `path` and `required` there, and no value
    /// has a tag.
    fn lay_over(&self, service: &mut Value) -> Result<(), Error> {
        if let Some(files) = &self.env_file {
            service["env_file"] = tagged(OVERRIDE, files.clone());
        }
        match service.get_mut("build") {
            Some(Value::Mapping(build)) => self.build.lay_over(build),
            _ => Ok(()),
        }
    }
}

impl BuildChanges {
    /// What the type can say. Arguments are a list: of a mapping, Compose would read the value
    /// `2024-01-01` as a point in time (fact 69).
    fn typed(&self) -> AdvancedBuildStep {
        let path = |path: &PathBuf| escaped(&path.to_string_lossy());
        let args = self.args.iter();
        let args = args.map(|(name, value)| format!("{name}={}", escaped(value)));
        AdvancedBuildStep {
            context: self.context.as_ref().map(path).unwrap_or_default(),
            dockerfile: self.dockerfile.as_ref().map(path),
            args: (!self.args.is_empty()).then(|| BuildArgs::List(args.collect())),
            ..AdvancedBuildStep::default()
        }
    }

    /// What it cannot: a build without a `context`, the keys below, and tags.
    fn lay_over(&self, build: &mut Mapping) -> Result<(), Error> {
        if self.context.is_none() {
            build.remove("context");
        }
        if !self.additional_contexts.is_empty() {
            let contexts = self.additional_contexts.iter();
            let contexts = contexts.map(|(name, to)| (name.as_str().into(), escaped(to).into()));
            let contexts: Mapping = contexts.collect();
            build.insert("additional_contexts".into(), contexts.into());
        }
        let mounts = self.secrets.iter().map(|secret| {
            serde_yaml::to_value(AdvancedSecrets {
                source: escaped(&secret.source),
                target: secret.target.as_deref().map(escaped),
                ..secret.clone()
            })
        });
        let mounts: Vec<Value> = mounts.collect::<Result<_, _>>()?;
        if self.replaces_secrets {
            build.insert("secrets".into(), tagged(OVERRIDE, mounts));
        } else if !mounts.is_empty() {
            build.insert("secrets".into(), mounts.into());
        }
        for (key, list) in [("ssh", &self.ssh), ("platforms", &self.platforms)] {
            if let Some(list) = list {
                let list: Vec<Value> = list.iter().map(|one| escaped(one).into()).collect();
                build.insert(key.into(), tagged(OVERRIDE, list));
            }
        }
        if let Some(pull) = self.pull {
            build.insert("pull".into(), pull.into());
        }
        for key in &self.forgotten {
            build.insert((*key).into(), tagged(RESET, Value::Null));
        }
        Ok(())
    }
}

/// A secret that a build mounts.
pub(crate) fn mounted(name: &str, id: &str) -> AdvancedSecrets {
    AdvancedSecrets {
        source: name.to_owned(),
        target: Some(id.to_owned()),
        ..AdvancedSecrets::default()
    }
}

/// Compose expands `$` in the values of its files.
fn escaped(text: &str) -> String {
    text.replace('$', "$$")
}

fn tagged(tag: &str, value: impl Into<Value>) -> Value {
    Value::Tagged(Box::new(TaggedValue {
        tag: Tag::new(tag),
        value: value.into(),
    }))
}

/// The same with its keys in order.
fn in_order(value: Value) -> Value {
    match value {
        Value::Mapping(entries) => {
            let mut entries: Vec<(Value, Value)> = entries.into_iter().collect();
            entries.sort_by(|(a, _), (b, _)| a.as_str().cmp(&b.as_str()));
            let entries = entries.into_iter();
            Value::Mapping(entries.map(|(key, value)| (key, in_order(value))).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests;
