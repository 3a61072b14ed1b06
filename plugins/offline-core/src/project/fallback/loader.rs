//! Files in their order, each with what it includes and extends.

use std::path::{Path, PathBuf};

use super::super::source_lines::Sources;
use super::super::{EnvExample, Error, Location};
use super::document::{Document, parse};
use super::environment::Environment;
use super::interpolate::{Problem, interpolate_tree};
use super::{Map, Tree, canonical, merge, paths};

/// Loads models; `environment` is that of the file at hand.
#[derive(Clone, Copy)]
pub(super) struct Loader<'a> {
    pub(super) sources: &'a Sources,
    pub(super) environment: &'a Environment,
}

impl<'a> Loader<'a> {
    pub(super) fn new(sources: &'a Sources, environment: &'a Environment) -> Self {
        Self {
            sources,
            environment,
        }
    }

    /// The files laid over each other, with absolute paths. `including` are the
    /// files by which this one was reached.
    pub(super) fn model(
        self,
        folder: &Path,
        files: &[PathBuf],
        including: &[PathBuf],
    ) -> Result<Map, Error> {
        let mut model = Map::new();
        for file in files {
            for mut document in parse(file)? {
                self.interpolate(file, &mut document.tree)?;
                let chain: Vec<PathBuf> = including.iter().chain([file]).cloned().collect();
                self.include(folder, &mut document, &chain)?;
                document.reset(&mut model);
                self.extend_services(folder, file, &mut document)?;
                model = self.lay(model, document)?;
            }
        }
        if let Some(Tree::Object(services)) = model.get_mut("services") {
            for service in services.values_mut() {
                if let Some(Tree::Object(build)) = service.get_mut("build") {
                    build.entry("context").or_insert_with(|| ".".into());
                }
            }
        }
        paths::resolve(&mut model, folder);
        Ok(model)
    }

    /// The services of a file that others extend: neither what it includes nor
    /// what its own services extend.
    pub(super) fn extended(self, file: &Path) -> Result<(Map, Vec<Document>), Error> {
        let mut model = Map::new();
        let mut resets = Vec::new();
        for mut document in parse(file)? {
            self.interpolate(file, &mut document.tree)?;
            document.reset(&mut model);
            resets.push(Document {
                tree: Map::new(),
                resets: document.resets.clone(),
            });
            model = self.lay(model, document)?;
        }
        paths::resolve(&mut model, file.parent().unwrap_or(Path::new("/")));
        Ok((model, resets))
    }

    fn lay(self, model: Map, document: Document) -> Result<Map, Error> {
        let mut merged = merge::merge(model, document.tree);
        canonical::canonical(&mut merged, self.sources)?;
        // Short forms made long can show two entries to be one.
        Ok(merge::merge(merged, Map::new()))
    }

    fn interpolate(self, file: &Path, tree: &mut Map) -> Result<(), Error> {
        let mut whole = Tree::Object(std::mem::take(tree));
        let result = interpolate_tree(&mut whole, self.environment);
        if let Tree::Object(map) = whole {
            *tree = map;
        }
        result.map_err(|(path, problem)| match problem {
            Problem::Required { variable, message } => {
                let location = [":?", "?"]
                    .iter()
                    .find_map(|mark| self.sources.text(&format!("${{{variable}{mark}")));
                Error::RequiredVariable {
                    example: EnvExample::find(std::slice::from_ref(&variable), self.sources)
                        .map(Box::new),
                    message: if message.is_empty() {
                        "no value".into()
                    } else {
                        message
                    },
                    variable,
                    location: location.or_else(|| Some(Location::new(file, None))),
                }
            }
            Problem::Invalid { text } => {
                let keys: Vec<&str> = path.iter().map(String::as_str).collect();
                let location = self.sources.key(&keys);
                Error::Invalid {
                    location: location.or_else(|| Some(Location::new(file, None))),
                    message: format!(
                        "invalid interpolation format for {}: {text} (a $ that is meant is written $$)",
                        path.join(".")
                    ),
                }
            }
        })
    }

    pub(super) fn invalid(self, file: &Path, keys: &[&str], message: String) -> Error {
        let location = self.sources.key(keys);
        Error::Invalid {
            location: location.or_else(|| Some(Location::new(file, None))),
            message,
        }
    }
}
