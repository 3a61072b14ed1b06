//! `extends`: services made from others, of this file or another one
//! (compose-go, `loader/extends.go`).

use std::path::{Path, PathBuf};

use super::super::Error;
use super::super::resolved::text_of;
use super::document::Document;
use super::loader::Loader;
use super::{Map, Tree, merge, paths};

/// How deep services may extend each other; a circle is found well before.
const DEEPEST: usize = 64;

/// A file whose services are extended.
struct Place<'a> {
    /// Where its relative paths start from.
    folder: PathBuf,
    file: PathBuf,
    /// What is reset in services taken from elsewhere.
    resets: &'a [Document],
}

impl Place<'_> {
    /// A service that was taken from elsewhere, without what is reset in it here.
    fn reset(&self, name: &str, service: Map) -> Map {
        let services = Map::from_iter([(name.to_owned(), service.into())]);
        let mut wrapped = Map::from_iter([("services".to_owned(), Tree::Object(services))]);
        for document in self.resets {
            document.reset(&mut wrapped);
        }
        match wrapped.get_mut("services").and_then(|s| s.get_mut(name)) {
            Some(Tree::Object(service)) => std::mem::take(service),
            _ => Map::new(),
        }
    }
}

impl Loader<'_> {
    /// Replaces every service that extends another by the whole of both.
    pub(super) fn extend_services(
        self,
        folder: &Path,
        file: &Path,
        document: &mut Document,
    ) -> Result<(), Error> {
        let Some(Tree::Object(services)) = document.tree.get("services") else {
            return Ok(());
        };
        let mut services = services.clone();
        let resets = [Document {
            tree: Map::new(),
            resets: document.resets.clone(),
        }];
        let place = Place {
            folder: folder.to_owned(),
            file: file.to_owned(),
            resets: &resets,
        };
        let names: Vec<String> = services.keys().cloned().collect();
        for name in names {
            let whole = self.extend(&name, &services, &place, &mut Vec::new())?;
            services.insert(name, whole);
        }
        document.tree.insert("services".into(), services.into());
        Ok(())
    }

    fn extend(
        self,
        name: &str,
        services: &Map,
        place: &Place<'_>,
        seen: &mut Vec<(PathBuf, String)>,
    ) -> Result<Tree, Error> {
        let service = services.get(name).cloned().unwrap_or_default();
        let Tree::Object(mut over) = service else {
            return Ok(service);
        };
        let Some(extends) = over.remove("extends") else {
            return Ok(Tree::Object(over));
        };
        let keys = ["services", name, "extends"];
        let invalid = |message: String| self.invalid(&place.file, &keys, message);
        let step = (place.file.clone(), name.to_owned());
        if seen.contains(&step) || seen.len() > DEEPEST {
            return Err(invalid(format!(
                "service {name} extends itself in a circle"
            )));
        }
        seen.push(step);
        let wanted = match &extends {
            Tree::String(wanted) => Some(wanted.clone()),
            other => other.get("service").and_then(text_of),
        };
        let wanted = wanted
            .ok_or_else(|| invalid(format!("`extends` of service {name} names no service")))?;
        let missing = |file: &Path| {
            invalid(format!(
                "service {name} extends {wanted}, which {} does not have",
                file.display()
            ))
        };
        let base = match extends.get("file").and_then(text_of) {
            None => {
                if !services.contains_key(&wanted) {
                    return Err(missing(&place.file));
                }
                self.extend(&wanted, services, place, seen)?
            }
            Some(file) if paths::is_remote(&file) => {
                let why =
                    format!("service {name} extends one of {file}, which only Compose can fetch");
                return Err(invalid(why));
            }
            Some(file) => {
                let file = paths::join(&place.folder, &file);
                if !file.is_file() {
                    return Err(Error::IncludeMissing {
                        path: file,
                        location: self.sources.key(&keys),
                    });
                }
                let (model, resets) = self.extended(&file)?;
                let place = Place {
                    folder: file.parent().unwrap_or(Path::new("/")).to_owned(),
                    file,
                    resets: &resets,
                };
                match model.get("services") {
                    Some(Tree::Object(services)) if services.contains_key(&wanted) => {
                        self.extend(&wanted, services, &place, seen)?
                    }
                    _ => return Err(missing(&place.file)),
                }
            }
        };
        seen.pop();
        let Tree::Object(base) = base else {
            return Ok(Tree::Object(over));
        };
        Ok(Tree::Object(merge::extend(place.reset(name, base), over)))
    }
}
