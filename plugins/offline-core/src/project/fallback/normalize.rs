//! What Compose fills in after all files are read (compose-go,
//! `loader/normalize.go`, and the types its JSON is written from).

use std::collections::BTreeMap;

use serde_json::json;

use super::super::resolved::text_of;
use super::dotenv;
use super::environment::Environment;
use super::interpolate::Lookup as _;
use super::scalars::{bytes_of, flag_of};
use super::{Map, Tree};

/// Brings every service into the form that `docker compose config` prints.
pub(super) fn normalize(model: &mut Map, environment: &Environment) {
    let Some(Tree::Object(services)) = model.get_mut("services") else {
        return;
    };
    for service in services.values_mut() {
        let Tree::Object(service) = service else {
            continue;
        };
        if service.get("pull_policy").and_then(Tree::as_str) == Some("if_not_present") {
            service.insert("pull_policy".into(), "missing".into());
        }
        if let Some(Tree::Object(build)) = service.get_mut("build") {
            normalize_build(build, environment);
        }
        let variables = variables(service, environment);
        service.insert("environment".into(), variables.into());
        let needed = depends_on(service);
        if !needed.is_empty() {
            service.insert("depends_on".into(), needed.into());
        }
    }
}

fn normalize_build(build: &mut Map, environment: &Environment) {
    let absent = |build: &Map, key: &str| build.get(key).is_none_or(Tree::is_null);
    if absent(build, "dockerfile") && absent(build, "dockerfile_inline") {
        build.insert("dockerfile".into(), "Dockerfile".into());
    }
    if let Some(args) = build.remove("args") {
        build.insert("args".into(), arguments(&args, environment).into());
    }
    for key in ["privileged", "no_cache", "pull"] {
        if let Some(flag) = build.get(key).and_then(flag_of) {
            build.insert(key.into(), flag.into());
        }
    }
    if let Some(size) = build.get("shm_size").and_then(bytes_of) {
        build.insert("shm_size".into(), size.into());
    }
    if let Some(hosts) = build.get("extra_hosts") {
        let hosts = host_list(hosts);
        build.insert("extra_hosts".into(), hosts.into());
    }
    if let Some(Tree::Object(keys)) = build.get("ssh") {
        let text = |(id, path): (&String, &Tree)| match text_of(path) {
            Some(path) if !path.is_empty() => format!("{id}={path}"),
            _ => id.clone(),
        };
        let keys: Vec<String> = keys.iter().map(text).collect();
        build.insert("ssh".into(), keys.into());
    }
}

/// What a service's container is given: the variables of its `env_file`s, and over
/// them its `environment`. A file that cannot be read is somebody else's to refuse.
fn variables(service: &Map, environment: &Environment) -> Map {
    let mut all = BTreeMap::new();
    for file in env_files(service) {
        if let Ok(text) = std::fs::read_to_string(file) {
            let _ = dotenv::parse(&text, &mut all, environment);
        }
    }
    let mut variables: Map = all.into_iter().map(|(k, v)| (k, v.into())).collect();
    for (name, value) in service.get("environment").map(pairs).unwrap_or_default() {
        let value = value.or_else(|| environment.get(&name));
        variables.insert(name, value.map_or(Tree::Null, Tree::from));
    }
    variables
}

/// The paths of `env_file`, in order.
fn env_files(service: &Map) -> Vec<&str> {
    let Some(Tree::Array(files)) = service.get("env_file") else {
        return Vec::new();
    };
    let paths = files.iter().map(|file| &file["path"]);
    paths.filter_map(Tree::as_str).collect()
}

/// Arguments with the environment's value where the file gives none; those that
/// have none there either are left out.
fn arguments(args: &Tree, environment: &Environment) -> Map {
    let given = pairs(args).into_iter();
    given
        .filter_map(|(key, value)| {
            let value = value.or_else(|| environment.get(&key))?;
            Some((key, value.into()))
        })
        .collect()
}

/// Names and values, be they a map or a list of `NAME=value`.
fn pairs(of: &Tree) -> Vec<(String, Option<String>)> {
    match of {
        Tree::Object(map) => map.iter().map(|(k, v)| (k.clone(), text_of(v))).collect(),
        Tree::Array(list) => list
            .iter()
            .filter_map(text_of)
            .map(|entry| match entry.split_once('=') {
                Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
                None => (entry, None),
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// `host=address`, sorted, as `HostsList` is written.
fn host_list(hosts: &Tree) -> Vec<String> {
    let address = |text: &str| {
        let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
        inner.unwrap_or(text).to_owned()
    };
    let mut list: Vec<String> = match hosts {
        Tree::Object(map) => map
            .iter()
            .flat_map(|(host, value)| {
                let values = match value {
                    Tree::Array(list) => list.iter().filter_map(text_of).collect(),
                    one => text_of(one).into_iter().collect::<Vec<_>>(),
                };
                let pair = |v: String| format!("{host}={}", address(&v));
                values.into_iter().map(pair).collect::<Vec<_>>()
            })
            .collect(),
        Tree::Array(list) => list
            .iter()
            .filter_map(text_of)
            .filter_map(|entry| {
                let (host, all) = entry.split_once('=').or_else(|| entry.split_once(':'))?;
                let pairs = all.split(',').map(|a| format!("{host}={}", address(a)));
                Some(pairs.collect::<Vec<_>>())
            })
            .flatten()
            .collect(),
        _ => Vec::new(),
    };
    list.sort();
    list
}

/// What the service names, and what it is tied to otherwise.
fn depends_on(service: &Map) -> Map {
    let mut needed = match service.get("depends_on") {
        Some(Tree::Object(map)) => map.clone(),
        _ => Map::new(),
    };
    let mut tie = |name: &str| {
        needed
            .entry(name)
            .or_insert_with(|| json!({"required": true}));
    };
    let list = |key: &str| match service.get(key) {
        Some(Tree::Array(list)) => list.iter().filter_map(text_of).collect(),
        _ => Vec::new(),
    };
    for link in list("links") {
        tie(link.split(':').next().unwrap_or(&link));
    }
    for key in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        let mode = service.get(key).and_then(Tree::as_str);
        if let Some(name) = mode.and_then(|m| m.strip_prefix("service:")) {
            tie(name);
        }
    }
    for from in list("volumes_from") {
        if !from.starts_with("container:") {
            tie(from.split(':').next().unwrap_or(&from));
        }
    }
    needed
}
