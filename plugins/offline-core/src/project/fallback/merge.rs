//! How one file is laid over another, as compose-go's `override/merge.go` and
//! `override/uncity.go` have it for the keys that images and builds need.

use super::{Map, Tree};

/// Lays `over` upon `base`.
pub(super) fn merge(base: Map, over: Map) -> Map {
    let mut merged = mappings(base, over, &[]);
    if let Some(Tree::Object(services)) = merged.get_mut("services") {
        services.values_mut().for_each(unique_service);
    }
    merged
}

/// Lays a service upon the one that it extends.
pub(super) fn extend(base: Map, over: Map) -> Map {
    mappings(base, over, &["services", "*"])
}

/// Lays one resource upon another of the same name in another file, `kind`
/// being `services`, `secrets` and so on.
pub(super) fn resource(base: Tree, over: Tree, kind: &str) -> Tree {
    values(base, over, &[kind, "*"])
}

fn mappings(mut base: Map, over: Map, path: &[&str]) -> Map {
    for (key, value) in over {
        let merged = match base.remove(&key) {
            None => value,
            Some(below) => {
                // Names of services are the user's own, and match as any.
                let name = match path {
                    ["services" | "secrets"] => "*",
                    _ => key.as_str(),
                };
                let path: Vec<&str> = path.iter().copied().chain([name]).collect();
                values(below, value, &path)
            }
        };
        base.insert(key, merged);
    }
    base
}

fn values(base: Tree, over: Tree, path: &[&str]) -> Tree {
    if let ["services", "*", inside @ ..] = path {
        match inside {
            ["command" | "entrypoint"]
            | ["healthcheck", "test"]
            | ["ulimits", _]
            | ["build", "ulimits", _] => return over,
            ["build"] => {
                return Tree::Object(mappings(build_map(base), build_map(over), path));
            }
            [
                "build",
                "args" | "additional_contexts" | "labels" | "extra_hosts",
            ]
            | ["environment" | "env_file" | "labels" | "extra_hosts"] => {
                return Tree::Array([sequence(base), sequence(over)].concat());
            }
            ["depends_on" | "networks"] | ["build", "ssh"] => {
                let base = mapping(base, inside);
                return Tree::Object(mappings(base, mapping(over, inside), path));
            }
            _ => {}
        }
    }
    match (base, over) {
        (base, Tree::Null) => base,
        (Tree::Object(base), Tree::Object(over)) => Tree::Object(mappings(base, over, path)),
        (Tree::Array(base), Tree::Array(over)) => Tree::Array([base, over].concat()),
        (_, over) => over,
    }
}

fn build_map(tree: Tree) -> Map {
    match tree {
        Tree::Object(map) => map,
        Tree::String(context) => Map::from_iter([("context".to_owned(), context.into())]),
        _ => Map::new(),
    }
}

/// A list of names as the mapping it stands for.
pub(super) fn mapping(tree: Tree, keys: &[&str]) -> Map {
    let names = match tree {
        Tree::Object(map) => return map,
        Tree::Array(names) => names,
        Tree::String(name) => vec![name.into()],
        _ => return Map::new(),
    };
    let ssh = keys.last() == Some(&"ssh");
    let entry = |name: Tree| {
        let name = super::super::resolved::text_of(&name)?;
        Some(match name.split_once('=').filter(|_| ssh) {
            Some((id, path)) => (id.to_owned(), path.into()),
            None => (name, Tree::Null),
        })
    };
    names.into_iter().filter_map(entry).collect()
}

/// A mapping as the list of `key=value` that it stands for.
fn sequence(tree: Tree) -> Vec<Tree> {
    match tree {
        Tree::Array(list) => list,
        Tree::Object(map) => map
            .into_iter()
            .flat_map(|(key, value)| match value {
                Tree::Array(list) => list.iter().map(|v| pair(&key, v)).collect(),
                value => vec![pair(&key, &value)],
            })
            .collect(),
        Tree::Null => Vec::new(),
        scalar => vec![scalar],
    }
}

fn pair(key: &str, value: &Tree) -> Tree {
    match super::super::resolved::text_of(value) {
        Some(text) => format!("{key}={text}").into(),
        None => key.into(),
    }
}

/// Of entries with one key the last one stays, in the place of the first.
fn unique_service(service: &mut Tree) {
    let lists = [
        "/build/args",
        "/build/additional_contexts",
        "/build/tags",
        "/build/labels",
        "/profiles",
        "/env_file",
    ];
    for pointer in lists {
        if let Some(Tree::Array(list)) = service.pointer_mut(pointer) {
            let mut kept: Vec<Tree> = Vec::new();
            for entry in std::mem::take(list) {
                match kept.iter_mut().find(|k| key_of(k) == key_of(&entry)) {
                    Some(place) => *place = entry,
                    None => kept.push(entry),
                }
            }
            *list = kept;
        }
    }
}

fn key_of(entry: &Tree) -> Option<String> {
    match entry {
        Tree::Object(map) => map.get("path").and_then(super::super::resolved::text_of),
        other => super::super::resolved::text_of(other)
            .map(|text| text.split('=').next().unwrap_or_default().to_owned()),
    }
}
