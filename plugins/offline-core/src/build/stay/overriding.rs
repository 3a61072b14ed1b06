use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Error;
use super::state::State;
use crate::project::{DockerfileSource, GENERATED, Project, ProjectOptions, finds_files_itself};

/// The file that Compose reads by itself beside one of its default names (compose-go,
/// `cli/options.go`).
pub(super) const OVERRIDE: &str = "compose.override.yaml";

/// What Compose must know to build as we do.
#[derive(Debug, Default)]
pub(super) struct Overriding {
    pub(super) services: BTreeMap<String, Value>,
    /// By id, the files that rewritten steps mount.
    pub(super) secrets: BTreeMap<String, PathBuf>,
}

/// The generated file, and how Compose comes to read it.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) file: PathBuf,
    /// The line for `.env`, where Compose does not find the file by itself.
    pub(super) line: Option<String>,
}

impl Overriding {
    /// Changes one service's build.
    pub(super) fn add(&mut self, service: &str, dockerfile: &Path, args: &[(&str, String)]) {
        let secrets: Vec<&String> = self.secrets.keys().collect();
        let args: BTreeMap<&str, String> = args.iter().map(|(k, v)| (*k, escaped(v))).collect();
        let build = json!({
            "dockerfile": escaped(&dockerfile.display().to_string()),
            "args": args,
            "secrets": secrets,
        });
        let held = self
            .services
            .entry(service.to_owned())
            .or_insert_with(|| json!({}));
        merge(held, json!({ "build": build }));
    }

    /// Writes the file beside the Compose file, if it is one that Compose finds
    /// without being told; else into our own folder.
    pub(super) fn write(
        &self,
        project: &Project,
        options: &ProjectOptions,
        state: &State,
    ) -> Result<Written, Error> {
        let beside = project.directory.join(OVERRIDE);
        let alone = project.files.len() == 1 && finds_files_itself(options);
        let text = self.text(project, state)?;
        if alone {
            crate::layout::replace_file(&beside, text.as_bytes())
                .map_err(|e| Error::file("write", &beside)(std::io::Error::other(e)))?;
            return Ok(Written {
                file: beside,
                line: None,
            });
        }
        let file = state.write("compose.stay.yaml", text.as_bytes())?;
        let shown = |path: &Path| {
            let below = path.strip_prefix(&project.directory).unwrap_or(path);
            below.display().to_string()
        };
        let files: Vec<String> = project
            .files
            .iter()
            .map(|f| shown(f))
            .chain([shown(&file)])
            .collect();
        Ok(Written {
            line: Some(format!("COMPOSE_FILE={}", files.join(":"))),
            file,
        })
    }

    fn text(&self, project: &Project, state: &State) -> Result<String, Error> {
        let secrets: BTreeMap<&String, Value> = self
            .secrets
            .iter()
            .map(|(id, path)| (id, json!({"file": escaped(&path.display().to_string())})))
            .collect();
        let all = json!({"services": self.services, "secrets": secrets});
        let mut yaml = serde_yaml::to_value(&all)
            .map_err(|e| Error::file("write", OVERRIDE)(std::io::Error::other(e)))?;
        // A Dockerfile within the Compose file gives way to ours.
        for service in &project.services {
            let inline = service
                .build
                .as_ref()
                .is_some_and(|b| matches!(b.dockerfile, DockerfileSource::Inline(_)));
            if inline && self.services.contains_key(&service.name) {
                let nothing = serde_yaml::value::TaggedValue {
                    tag: serde_yaml::value::Tag::new("reset"),
                    value: serde_yaml::Value::Null,
                };
                yaml["services"][service.name.as_str()]["build"]["dockerfile_inline"] =
                    serde_yaml::Value::Tagged(Box::new(nothing));
            }
        }
        let body = serde_yaml::to_string(&yaml)
            .map_err(|e| Error::file("write", OVERRIDE)(std::io::Error::other(e)))?;
        Ok(format!(
            "{GENERATED}; docker offline build --leave removes it.\n{STATE}{}\n{body}",
            state.path().display()
        ))
    }
}

const STATE: &str = "# Its files: ";

/// The folder that a generated file names; `None` for a file of the user's own.
pub(super) fn state_of(file: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(file).ok()?;
    let mut lines = text.lines();
    lines.next().filter(|line| line.starts_with(GENERATED))?;
    Some(lines.next()?.strip_prefix(STATE)?.into())
}

/// Compose expands `$` in its files.
fn escaped(text: &str) -> String {
    text.replace('$', "$$")
}

/// Adds one object to another, theirs below the same keys together.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_overridden_already_stays() {
        let mut overriding = Overriding {
            services: BTreeMap::from([(
                "api".to_owned(),
                json!({"build": {"args": {"A": "1"}, "pull": false}}),
            )]),
            secrets: BTreeMap::from([("x".to_owned(), "/s/x".into())]),
        };
        overriding.add(
            "api",
            Path::new("/s/$a/Dockerfile"),
            &[("HTTP_PROXY", "p".into())],
        );
        assert_eq!(
            overriding.services["api"],
            json!({"build": {"args": {"A": "1", "HTTP_PROXY": "p"}, "pull": false,
                "dockerfile": "/s/$$a/Dockerfile", "secrets": ["x"]}})
        );
    }
}
