use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Error;
use super::state::State;
use crate::build::compose_yaml::{OVERRIDE, RESET, escaped, rendered};
use crate::build::tell_compose::{ComposeTold, OVERRIDE_FILE, Told};
use crate::error::Failure;
use crate::project::{DockerfileSource, GENERATED_STAY, Project};

/// What Compose must know to build as we do.
#[derive(Debug, Default)]
pub(super) struct Overriding {
    pub(super) services: BTreeMap<String, Value>,
    /// The files of all secrets, by the name that Compose is told.
    pub(super) secrets: BTreeMap<String, PathBuf>,
    /// By id, the files that the rewritten steps of the services to be added mount.
    pub(super) mounted: BTreeMap<String, PathBuf>,
}

impl Overriding {
    /// Changes one service's build.
    pub(super) fn add(&mut self, service: &str, dockerfile: &Path, args: &[(&str, String)]) {
        let mut secrets = Vec::new();
        for (id, path) in &self.mounted {
            // Services on the host's network have others of the same id.
            let taken = self.secrets.get(id).is_some_and(|held| held != path);
            let name = if taken {
                format!("{id}-of-host")
            } else {
                id.clone()
            };
            secrets.push(json!({"source": name, "target": id}));
            self.secrets.insert(name, path.clone());
        }
        let args: BTreeMap<&str, String> = args.iter().map(|(k, v)| (*k, escaped(v))).collect();
        let build = json!({
            "dockerfile": escaped(&dockerfile.display().to_string()),
            "args": args,
            "secrets": &secrets,
        });
        let held = self
            .services
            .entry(service.to_owned())
            .or_insert_with(|| json!({}));
        // A list that takes the place of the project's own takes ours in.
        let replaced = held["build"]["secrets"][OVERRIDE].as_array().cloned();
        merge(held, json!({ "build": build }));
        if let Some(mut all) = replaced {
            all.extend(secrets);
            held["build"]["secrets"] = json!({ OVERRIDE: all });
        }
    }

    /// Writes the file where Compose finds it, or else into our own folder.
    pub(super) fn write(&self, told: &ComposeTold<'_>, state: &State) -> Result<Told, Failure> {
        let text = self.text(told.project, state)?;
        let file = state.write("compose.stay.yaml", text.as_bytes())?;
        Ok(told.tell(&text, &file)?)
    }

    fn text(&self, project: &Project, state: &State) -> Result<String, Error> {
        let mut services = self.services.clone();
        // A Dockerfile within the Compose file gives way to ours.
        for service in &project.services {
            let inline = service
                .build
                .as_ref()
                .is_some_and(|b| matches!(b.dockerfile, DockerfileSource::Inline(_)));
            let changed = services.get_mut(&service.name);
            let build = changed.and_then(|s| s.get_mut("build")?.as_object_mut());
            if let Some(build) = build.filter(|b| inline && b.contains_key("dockerfile")) {
                build.insert("dockerfile_inline".into(), json!({ RESET: null }));
            }
        }
        let body = rendered(&services, &self.secrets)
            .map_err(|e| Error::file("write", OVERRIDE_FILE)(std::io::Error::other(e)))?;
        Ok(format!(
            "{GENERATED_STAY}; docker offline build --leave removes it.\n{STATE}{}\n{body}",
            state.path().display()
        ))
    }
}

const STATE: &str = "# Its files: ";

/// The folder that a generated file names; `None` for a file of the user's own.
pub(super) fn state_of(file: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(file).ok()?;
    let mut lines = text.lines();
    lines
        .next()
        .filter(|line| line.starts_with(GENERATED_STAY))?;
    Some(lines.next()?.strip_prefix(STATE)?.into())
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
            mounted: BTreeMap::from([("x".to_owned(), "/s/x".into())]),
            ..Overriding::default()
        };
        overriding.add(
            "api",
            Path::new("/s/$a/Dockerfile"),
            &[("HTTP_PROXY", "p".into())],
        );
        assert_eq!(
            overriding.services["api"],
            json!({"build": {"args": {"A": "1", "HTTP_PROXY": "p"}, "pull": false,
                "dockerfile": "/s/$$a/Dockerfile",
                "secrets": [{"source": "x", "target": "x"}]}})
        );
        overriding.services.insert(
            "host".into(),
            json!({"build": {"secrets": {OVERRIDE: [{"source": "own", "target": "t"}]}}}),
        );
        overriding.mounted.insert("x".into(), "/h/x".into());
        overriding.add("host", Path::new("/h/Dockerfile"), &[]);
        assert_eq!(
            overriding.services["host"]["build"]["secrets"],
            json!({OVERRIDE: [{"source": "own", "target": "t"}, {"source": "x-of-host", "target": "x"}]})
        );
        assert_eq!(overriding.secrets.len(), 2);
    }
}
