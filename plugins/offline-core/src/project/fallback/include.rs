//! `include`: other projects' files, each read in its own folder with its own
//! `.env` (compose-go, `loader/include.go`).

use std::path::{Path, PathBuf};

use super::super::Error;
use super::super::resolved::text_of;
use super::document::Document;
use super::loader::Loader;
use super::{Map, Tree, merge, paths};

/// What an included file brings along.
const KINDS: [&str; 6] = [
    "services", "volumes", "networks", "secrets", "configs", "models",
];

impl Loader<'_> {
    /// Takes up what the document includes; its own definitions lie above.
    /// `chain` ends with the file at hand.
    pub(super) fn include(
        self,
        folder: &Path,
        document: &mut Document,
        chain: &[PathBuf],
    ) -> Result<(), Error> {
        let Some(included) = document.tree.remove("include") else {
            return Ok(());
        };
        let file = chain.last().map_or(folder, PathBuf::as_path);
        let invalid = |message: String| self.invalid(file, &["include"], message);
        let entries = match included {
            Tree::Null => return Ok(()),
            Tree::Array(entries) => entries,
            _ => return Err(invalid("`include` must be a list".into())),
        };
        for entry in entries {
            let names = texts(match &entry {
                Tree::Object(map) => map.get("path").unwrap_or(&Tree::Null),
                other => other,
            });
            if let Some(remote) = names.iter().find(|n| paths::is_remote(n)) {
                return Err(invalid(format!(
                    "{remote} is included, which only Compose can fetch"
                )));
            }
            let files: Vec<PathBuf> = names.iter().map(|n| paths::join(folder, n)).collect();
            let Some(first) = files.first() else {
                return Err(invalid("an entry of `include` has no path".into()));
            };
            if chain.contains(first) {
                return Err(invalid(format!(
                    "{} includes itself in a circle",
                    first.display()
                )));
            }
            if let Some((missing, name)) = files.iter().zip(&names).find(|(f, _)| !f.is_file()) {
                return Err(Error::IncludeMissing {
                    path: missing.clone(),
                    location: self.sources.text(name),
                });
            }
            let own_folder = match entry.get("project_directory").and_then(text_of) {
                Some(own) if !own.is_empty() => paths::join(folder, &own),
                _ => first.parent().unwrap_or(folder).to_owned(),
            };
            let mut environment = self.environment.clone();
            environment.add_files(&env_files(&entry, folder, &own_folder))?;
            let loader = Loader {
                sources: self.sources,
                environment: &environment,
            };
            let model = loader.model(&own_folder, &files, chain)?;
            import(model, document);
        }
        Ok(())
    }
}

fn env_files(entry: &Tree, folder: &Path, own_folder: &Path) -> Vec<PathBuf> {
    let named = texts(entry.get("env_file").unwrap_or(&Tree::Null));
    if named.is_empty() {
        let default = own_folder.join(".env");
        return default.is_file().then_some(default).into_iter().collect();
    }
    let real = named.iter().filter(|name| *name != "/dev/null");
    real.map(|name| paths::join(folder, name)).collect()
}

fn import(mut model: Map, document: &mut Document) {
    for kind in KINDS {
        let Some(Tree::Object(mut from)) = model.remove(kind) else {
            continue;
        };
        let over = match document.tree.remove(kind) {
            Some(Tree::Object(over)) => over,
            _ => Map::new(),
        };
        for (name, above) in over {
            let below = from.remove(&name).map(|below| {
                let mut wrapped = Map::from_iter([(
                    kind.to_owned(),
                    Tree::Object(Map::from_iter([(name.clone(), below)])),
                )]);
                document.reset(&mut wrapped);
                let below = wrapped.get_mut(kind).and_then(|k| k.get_mut(&name));
                below.map(Tree::take).unwrap_or_default()
            });
            let whole = match below {
                Some(below) => merge::resource(below, above, kind),
                None => above,
            };
            from.insert(name, whole);
        }
        document.tree.insert(kind.to_owned(), from.into());
    }
}

/// One text or a list of them.
fn texts(tree: &Tree) -> Vec<String> {
    match tree {
        Tree::Array(list) => list.iter().filter_map(text_of).collect(),
        other => text_of(other).into_iter().collect(),
    }
}
