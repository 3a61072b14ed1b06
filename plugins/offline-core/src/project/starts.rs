//! What a service does when it starts, as its Compose file says it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Location;
use super::resolved::{ResolvedProject, ResolvedService, text_of};
use super::source_lines::Sources;

/// What a service does when it starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Starts {
    /// `entrypoint`, `command` and the commands of `post_start`, each with its line.
    pub commands: Vec<StartCommand>,
    /// `working_dir`.
    pub working_dir: Option<String>,
    /// `environment`; a variable without a value is that of the shell.
    pub environment: BTreeMap<String, Option<String>>,
    /// Folders and files of the host that it mounts, absolute, with where they are
    /// in the container.
    pub binds: Vec<(PathBuf, String)>,
    /// The models that it asks the Docker Model Runner for.
    pub models: Vec<(String, Option<Location>)>,
    /// The program outside of Compose that provides it (`provider.type`).
    pub provider: Option<(String, Option<Location>)>,
}

/// A command of a Compose file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartCommand {
    /// `entrypoint`, `command` or `post_start`.
    pub key: &'static str,
    /// Its words; one word with blanks where a shell reads it.
    pub words: Vec<String>,
    /// The line of the key.
    pub location: Option<Location>,
}

impl Starts {
    pub(super) fn of(
        name: &str,
        service: &ResolvedService,
        project: &ResolvedProject,
        directory: &Path,
        sources: &Sources,
    ) -> Self {
        let at = |keys: &[&str]| {
            let path: Vec<&str> = ["services", name].iter().chain(keys).copied().collect();
            sources.key(&path)
        };
        let mut commands = Vec::new();
        for (key, value) in [
            ("entrypoint", &service.entrypoint),
            ("command", &service.command),
        ] {
            commands.extend(words(value).map(|words| StartCommand {
                key,
                words,
                location: at(&[key]),
            }));
        }
        for hook in &service.post_start {
            commands.extend(words(&hook["command"]).map(|words| StartCommand {
                key: "post_start",
                words,
                location: at(&["post_start"]),
            }));
        }
        let binds = service.volumes.iter().filter(|v| v["type"] == "bind");
        let models = service.models.iter().map(|name| {
            let location = sources.key(&["models", name, "model"]);
            // `docker compose config` leaves the top-level key out (2.40).
            let model = project.models.get(name).and_then(|m| text_of(&m["model"]));
            let model = model.or_else(|| sources.value(&["models", name, "model"]));
            (model.unwrap_or_else(|| name.clone()), location)
        });
        let provider = service.provider.as_ref().map(|provider| {
            let kind = text_of(&provider["type"]).unwrap_or_else(|| "provider".into());
            (kind, at(&["provider", "type"]))
        });
        Self {
            commands,
            working_dir: service.working_dir.clone(),
            environment: service.environment.clone(),
            binds: binds
                .filter_map(|v| Some((v["source"].as_str()?, v["target"].as_str()?)))
                .map(|(source, target)| (directory.join(source), target.to_owned()))
                .collect(),
            models: models.collect(),
            provider,
        }
    }
}

/// A list of words, or one text; nothing where there is no command.
fn words(value: &Value) -> Option<Vec<String>> {
    let words: Vec<String> = match value {
        Value::Array(list) => list.iter().filter_map(text_of).collect(),
        other => text_of(other).into_iter().collect(),
    };
    (!words.is_empty()).then_some(words)
}
