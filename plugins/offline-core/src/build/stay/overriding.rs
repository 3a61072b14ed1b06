use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Error;
use super::state::State;
use crate::build::tell_compose::{ComposeTold, OVERRIDE_FILE, Told};
use crate::error::Failure;
use crate::project::{
    DockerfileSource, GENERATED_STAY, Project, ServiceChanges, mounted, rendered,
};

/// What Compose must know to build as we do.
#[derive(Debug, Default)]
pub(super) struct Overriding {
    pub(super) services: BTreeMap<String, ServiceChanges>,
    /// The files of all secrets, by the name that Compose is told.
    pub(super) secrets: BTreeMap<String, PathBuf>,
    /// By id, the files that the rewritten steps of the services to be added mount.
    pub(super) mounted: BTreeMap<String, PathBuf>,
}

impl Overriding {
    /// Changes one service's build.
    pub(super) fn add(&mut self, service: &str, dockerfile: &Path, args: &[(&str, String)]) {
        let build = &mut self.services.entry(service.to_owned()).or_default().build;
        for (id, path) in &self.mounted {
            // Services on the host's network have others of the same id.
            let taken = self.secrets.get(id).is_some_and(|held| held != path);
            let name = if taken {
                format!("{id}-of-host")
            } else {
                id.clone()
            };
            build.secrets.push(mounted(&name, id));
            self.secrets.insert(name, path.clone());
        }
        build.dockerfile = Some(dockerfile.to_owned());
        let args = args.iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
        build.args.extend(args);
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
            let build = changed.map(|changes| &mut changes.build);
            if let Some(build) = build.filter(|b| inline && b.dockerfile.is_some()) {
                build.forgotten.insert("dockerfile_inline");
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

#[cfg(test)]
mod tests {
    use serde_yaml::Value;

    use super::*;
    use crate::project::BuildChanges;

    fn of_build(build: BuildChanges) -> ServiceChanges {
        ServiceChanges {
            build,
            ..ServiceChanges::default()
        }
    }

    /// What Compose is told of a service's build.
    fn told(overriding: &Overriding, service: &str) -> Value {
        let text = rendered(&overriding.services, &overriding.secrets).unwrap();
        let read: Value = serde_yaml::from_str(&text).unwrap();
        read["services"][service]["build"].clone()
    }

    fn yaml(text: &str) -> Value {
        serde_yaml::from_str(text).unwrap()
    }

    #[test]
    fn what_was_overridden_already_stays() {
        let api = of_build(BuildChanges {
            args: BTreeMap::from([("A".to_owned(), "1".to_owned())]),
            pull: Some(false),
            ..BuildChanges::default()
        });
        let mut overriding = Overriding {
            services: BTreeMap::from([("api".to_owned(), api)]),
            mounted: BTreeMap::from([("x".to_owned(), "/s/x".into())]),
            ..Overriding::default()
        };
        overriding.add(
            "api",
            Path::new("/s/$a/Dockerfile"),
            &[("HTTP_PROXY", "p".into())],
        );
        assert_eq!(
            told(&overriding, "api"),
            yaml(
                r#"{"args": ["A=1", "HTTP_PROXY=p"], "pull": false,
                "dockerfile": "/s/$$a/Dockerfile",
                "secrets": [{"source": "x", "target": "x"}]}"#
            )
        );
        let host = of_build(BuildChanges {
            secrets: vec![mounted("own", "t")],
            replaces_secrets: true,
            ..BuildChanges::default()
        });
        overriding.services.insert("host".into(), host);
        overriding.mounted.insert("x".into(), "/h/x".into());
        overriding.add("host", Path::new("/h/Dockerfile"), &[]);
        assert_eq!(
            told(&overriding, "host")["secrets"],
            yaml(
                r#"!override [{"source": "own", "target": "t"}, {"source": "x-of-host", "target": "x"}]"#
            )
        );
        assert_eq!(overriding.secrets.len(), 2);
    }
}
