//! The variables a Compose file can use.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::super::{Error, Location, ProjectOptions};
use super::dotenv;
use super::interpolate::Lookup;

/// The process's environment and the `.env` files under it.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment {
    values: BTreeMap<String, String>,
    /// Shared by the environments of all included files.
    unset: Rc<RefCell<BTreeSet<String>>>,
}

impl Lookup for Environment {
    fn get(&self, name: &str) -> Option<String> {
        self.values.get(name).cloned()
    }
    fn missing(&self, name: &str) {
        self.unset.borrow_mut().insert(name.to_owned());
    }
}

impl Environment {
    /// What Compose would see: the process's variables, then `--env-file`, or
    /// else `.env` of the folder it starts from and of the project.
    pub(super) fn of_project(options: &ProjectOptions, directory: &Path) -> Result<Self, Error> {
        let mut environment = Self {
            values: std::env::vars_os()
                .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
                .collect(),
            unset: Rc::default(),
        };
        if options.env_files.is_empty() {
            let disabled = environment.values.get("COMPOSE_DISABLE_ENV_FILE");
            if disabled.is_some_and(|v| matches!(v.as_str(), "1" | "t" | "T" | "true" | "TRUE")) {
                return Ok(environment);
            }
            let here = match (&options.project_directory, options.files.first()) {
                (None, None) => Some(PathBuf::from(".")),
                _ => None,
            };
            for folder in here.iter().map(PathBuf::as_path).chain([directory]) {
                let file = folder.join(".env");
                if file.is_file() {
                    environment.add_files(&[file])?;
                }
            }
        } else {
            environment.add_files(&options.env_files)?;
        }
        Ok(environment)
    }

    /// Adds what the files set and the environment does not; of two files the
    /// later one wins.
    pub(super) fn add_files(&mut self, files: &[PathBuf]) -> Result<(), Error> {
        let mut read = BTreeMap::new();
        for file in files {
            let text = std::fs::read_to_string(file).map_err(|source| match source.kind() {
                std::io::ErrorKind::NotFound => Error::EnvFileMissing {
                    path: file.clone(),
                    location: None,
                },
                _ => Error::Io {
                    path: file.clone(),
                    source,
                },
            })?;
            dotenv::parse(&text, &mut read, self).map_err(|broken| Error::Invalid {
                location: Some(Location::new(file, Some(broken.line))),
                message: broken.problem,
            })?;
        }
        for (name, value) in read {
            self.values.entry(name).or_insert(value);
        }
        Ok(())
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_owned(), value.to_owned());
    }

    /// The variables that were asked for and are not set.
    pub(super) fn unset(&self) -> Vec<String> {
        self.unset.borrow().iter().cloned().collect()
    }
}
