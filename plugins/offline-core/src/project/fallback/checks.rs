//! What Compose checks after reading, as far as images and builds depend on it
//! (compose-go, `loader/validate.go`).

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::super::resolved::text_of;
use super::super::source_lines::Sources;
use super::super::{Error, Location};
use super::{Map, Tree};

/// Checks the services of this run; `model` has the secrets.
pub(super) fn check(asked: &Map, model: &Map, sources: &Sources) -> Result<(), Error> {
    let Some(Tree::Object(services)) = asked.get("services") else {
        return no_compose_file(model, sources);
    };
    if let Some(circle) = circle(services) {
        let first = circle.first().map_or("", String::as_str);
        return Err(Error::Invalid {
            location: sources.key(&["services", first, "depends_on"]),
            message: format!("dependency cycle detected: {}", circle.join(" -> ")),
        });
    }
    for (name, service) in services {
        let at = |key: &str| sources.key(&["services", name, key]);
        let undefined = |other: &str, key: &str| Error::UndefinedService {
            service: name.clone(),
            undefined: other.to_owned(),
            location: at(key),
        };
        let present = |key: &str| service.get(key).is_some_and(|v| !v.is_null());
        if !present("image") && !present("build") && !present("provider") {
            return Err(Error::Invalid {
                location: at("image"),
                message: format!("service {name} has neither `image` nor `build`"),
            });
        }
        if let Some(Tree::Object(needed)) = service.get("depends_on") {
            for (other, how) in needed {
                let required = how.get("required").is_none_or(|r| *r != Tree::Bool(false));
                // A service that a profile hides may be missing where it is not required.
                if !services.contains_key(other) && required {
                    return Err(undefined(other, "depends_on"));
                }
            }
        }
        if let Some(path) = missing_env_file(service) {
            return Err(Error::EnvFileMissing {
                path,
                location: at("env_file"),
            });
        }
        if let Some(Tree::Object(build)) = service.get("build") {
            check_build(name, build, services, model, sources)?;
        }
    }
    Ok(())
}

/// Compose knows every key that may stand in a file. Here only a file without
/// any of them is refused: newer keys must not be.
fn no_compose_file(model: &Map, sources: &Sources) -> Result<(), Error> {
    const KEYS: [&str; 6] = [
        "services", "volumes", "networks", "secrets", "configs", "models",
    ];
    if KEYS.iter().any(|key| model.contains_key(*key)) {
        return Ok(());
    }
    Err(Error::Invalid {
        location: sources.only_file().map(|file| Location::new(file, None)),
        message: "it has no services".into(),
    })
}

/// Services that wait for each other, the first one once more at the end.
fn circle(services: &Map) -> Option<Vec<String>> {
    fn visit<'a>(
        name: &'a str,
        services: &'a Map,
        path: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<String>> {
        if let Some(start) = path.iter().position(|p| *p == name) {
            let names = path[start..].iter().chain([&name]);
            return Some(names.map(|n| (*n).to_owned()).collect());
        }
        if done.contains(name) {
            return None;
        }
        path.push(name);
        let needed = services.get(name).and_then(|s| s.get("depends_on"));
        let needed = needed.and_then(Tree::as_object).into_iter().flatten();
        let found = needed
            .map(|(other, _)| other.as_str())
            .find_map(|other| visit(other, services, path, done));
        path.pop();
        done.insert(name);
        found
    }
    let mut done = BTreeSet::new();
    services
        .keys()
        .find_map(|name| visit(name, services, &mut Vec::new(), &mut done))
}

fn missing_env_file(service: &Tree) -> Option<PathBuf> {
    let files = match service.get("env_file") {
        Some(Tree::Array(files)) => files.as_slice(),
        _ => &[],
    };
    files
        .iter()
        .filter(|file| file.get("required") != Some(&Tree::Bool(false)))
        .filter_map(|file| Some(PathBuf::from(file.get("path").and_then(text_of)?)))
        .find(|path| !path.exists())
}

fn check_build(
    name: &str,
    build: &Map,
    services: &Map,
    model: &Map,
    sources: &Sources,
) -> Result<(), Error> {
    let at = |key: &str| sources.key(&["services", name, "build", key]);
    let invalid = |key: &str, message: String| Error::Invalid {
        location: at(key),
        message,
    };
    let text = |key: &str| build.get(key).and_then(text_of).unwrap_or_default();
    if !text("dockerfile").is_empty() && !text("dockerfile_inline").is_empty() {
        let message = format!("service {name} has both `dockerfile` and `dockerfile_inline`");
        return Err(invalid("dockerfile_inline", message));
    }
    if let Some(Tree::Object(contexts)) = build.get("additional_contexts") {
        for value in contexts.values().filter_map(Tree::as_str) {
            if let Some(other) = value.strip_prefix("service:")
                && !services.contains_key(other)
            {
                return Err(Error::UndefinedService {
                    service: name.to_owned(),
                    undefined: other.to_owned(),
                    location: at("additional_contexts"),
                });
            }
        }
    }
    if let Some(Tree::Array(secrets)) = build.get("secrets") {
        for secret in secrets {
            let source = text_of(secret).or_else(|| text_of(secret.get("source")?));
            let source = source.unwrap_or_default();
            let known = model.get("secrets").and_then(|s| s.get(&source));
            if known.is_none() {
                let message = format!("service {name} refers to undefined build secret {source}");
                return Err(invalid("secrets", message));
            }
        }
    }
    Ok(())
}
