//! The short forms of a Compose file made long, as compose-go's `transform/`
//! does after each file, so that paths can be resolved and files laid over.

use super::super::source_lines::Sources;
use super::super::{Error, Location};
use super::merge::mapping;
use super::run_forms::long_run_forms;
use super::{Map, Tree};

/// Makes short forms long; says where the shape of a file is wrong.
pub(super) fn canonical(model: &mut Map, sources: &Sources) -> Result<(), Error> {
    let invalid = |location: Option<Location>, message: String| Error::Invalid {
        location: location.or_else(|| Some(Location::new(sources.only_file()?, None))),
        message,
    };
    let services = match model.get_mut("services") {
        None | Some(Tree::Null) => return Ok(()),
        Some(Tree::Object(services)) => services,
        Some(_) => return Err(invalid(None, "services must be a mapping".into())),
    };
    for (name, service) in services {
        let at = |key: &str| sources.key(&["services", name, key]);
        let Tree::Object(service) = service else {
            return Err(invalid(
                at(""),
                format!("services.{name} must be a mapping"),
            ));
        };
        if let Some(image) = service.get("image")
            && !matches!(image, Tree::String(_) | Tree::Null)
        {
            let message = format!("services.{name}.image must be a string");
            return Err(invalid(at("image"), message));
        }
        let build = match service.remove("build") {
            None | Some(Tree::Null) => None,
            Some(Tree::String(context)) => {
                Some(Map::from_iter([("context".to_owned(), context.into())]))
            }
            Some(Tree::Object(build)) => Some(build),
            Some(_) => {
                let message = format!("services.{name}.build must be a string or a mapping");
                return Err(invalid(at("build"), message));
            }
        };
        if let Some(mut build) = build {
            long_build(&mut build);
            service.insert("build".into(), build.into());
        }
        if let Some(needed) = service.get_mut("depends_on") {
            *needed = Tree::Object(mapping(needed.take(), &["depends_on"]));
        }
        long_run_forms(service);
        if let Some(files) = service.get_mut("env_file") {
            *files = env_files(files.take());
        }
    }
    Ok(())
}

fn long_build(build: &mut Map) {
    if let Some(contexts) = build.get_mut("additional_contexts")
        && let Tree::Array(list) = contexts
    {
        let pairs = list.iter().filter_map(Tree::as_str).map(|entry| {
            let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
            (name.to_owned(), Tree::from(value))
        });
        *contexts = Tree::Object(pairs.collect());
    }
    if let Some(keys) = build.get_mut("ssh") {
        *keys = Tree::Object(mapping(keys.take(), &["ssh"]));
    }
}

fn env_files(tree: Tree) -> Tree {
    let list = match tree {
        Tree::Array(list) => list,
        Tree::Null => Vec::new(),
        one => vec![one],
    };
    let long = |entry: Tree| match entry {
        Tree::String(path) => serde_json::json!({"path": path}),
        other => other,
    };
    Tree::Array(list.into_iter().map(long).collect())
}
