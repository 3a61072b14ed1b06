use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::Error;
use crate::bundle::Record;
use crate::closure::Closure;
use crate::engine::{EngineInfo, Store};
use crate::project::Project;
use crate::reference::ImageReference;

/// The generated file's name, beside the Compose file.
pub(super) const FILE: &str = "docker-compose.offline.yml";

/// Says whose file it is; one without this line is the user's and stays.
const MARK: &str = "# Written by docker offline build; it is written anew each time.";

/// What Compose must know on this site and the project's own files do not say.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    services: BTreeMap<String, Value>,
    /// Named contexts for digest pins: pin as a Dockerfile resolves it, image.
    pub(super) pins: BTreeMap<String, String>,
}

/// The digest pins that this engine cannot look up: on a graphdriver store all,
/// which loses digests on load; on a containerd store, which finds one by its tag,
/// those whose tag another image has (fact 10).
pub(super) fn unresolved_pins<'a>(
    closure: &'a Closure,
    engine: &EngineInfo,
) -> Vec<&'a ImageReference> {
    let all = || closure.images.iter().map(|image| &image.reference);
    let unresolved = |pin: &&ImageReference| {
        pin.digest().is_some() && (engine.store == Store::Graphdriver || pin.shares_its_tag(all()))
    };
    all().filter(unresolved).collect()
}

/// Decides what this engine needs.
pub(super) fn overrides(
    project: &Project,
    closure: &Closure,
    record: &Record,
    engine: &EngineInfo,
) -> Overrides {
    let mut overrides = Overrides::default();
    let unresolved = unresolved_pins(closure, engine);
    for pin in &unresolved {
        overrides.pins.insert(
            pin.context_name(),
            format!("docker-image://{}", pin.load_name()),
        );
    }
    for service in &project.services {
        if closure.service(&service.name).is_none() {
            continue;
        }
        let mut changes = Map::new();
        if let Some(build) = &service.build {
            let mut own = Map::new();
            let pins: BTreeMap<&String, &String> = overrides
                .pins
                .iter()
                .filter(|(name, _)| uses(closure, &service.name, name))
                .collect();
            if !pins.is_empty() {
                own.insert("additional_contexts".into(), json!(pins));
            }
            let args = arguments(closure, &service.name, record);
            if !args.is_empty() {
                own.insert("args".into(), json!(args));
            }
            if build.pull {
                own.insert("pull".into(), json!(false));
            }
            if !own.is_empty() {
                changes.insert("build".into(), Value::Object(own));
            }
        } else if let Some(image) = service.image.as_ref().filter(|i| unresolved.contains(i)) {
            changes.insert("image".into(), json!(image.load_name()));
        }
        let asks = service.pull_policy.as_deref().is_some_and(goes_out);
        if asks {
            let stays = if service.build.is_some() {
                "build"
            } else {
                "missing"
            };
            changes.insert("pull_policy".into(), json!(stays));
        }
        if !changes.is_empty() {
            overrides
                .services
                .insert(service.name.clone(), Value::Object(changes));
        }
    }
    overrides
}

/// The arguments of the export that a service's Dockerfile takes; Compose expands
/// `$` in the file.
fn arguments<'a>(
    closure: &Closure,
    service: &str,
    record: &'a Record,
) -> BTreeMap<&'a str, String> {
    let build = closure.service(service).and_then(|s| s.build.as_ref());
    record
        .build_args
        .iter()
        .filter(|(name, _)| build.is_some_and(|b| b.takes(name)))
        .map(|(name, value)| (name.as_str(), value.replace('$', "$$")))
        .collect()
}

/// Policies that ask a registry although the image is there.
fn goes_out(policy: &str) -> bool {
    matches!(policy, "always" | "refresh" | "daily" | "weekly") || policy.starts_with("every_")
}

fn uses(closure: &Closure, service: &str, pin: &str) -> bool {
    closure
        .images
        .iter()
        .any(|i| i.reference.context_name() == pin && i.services.contains(service))
}

impl Overrides {
    /// Whether plain Compose needs nothing of us here.
    pub(super) fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// What is changed, by service.
    pub(super) fn services(&self) -> &BTreeMap<String, Value> {
        &self.services
    }

    /// For `up --no-build`: an image that is built is taken as it is, and one that
    /// is missing is said to be, not looked for.
    pub(super) fn without_builds(&mut self, project: &Project) {
        for service in project.services.iter().filter(|s| s.build.is_some()) {
            let asks = |policy: &str| goes_out(policy) || policy == "build";
            if service.pull_policy.as_deref().is_some_and(asks) {
                let changes = self
                    .services
                    .entry(service.name.clone())
                    .or_insert_with(|| json!({}));
                changes["pull_policy"] = json!("missing");
            }
        }
    }

    /// Writes the file, or removes one that is no longer needed. Returns its path
    /// if Compose must be given it.
    pub(super) fn write(&self, directory: &Path) -> Result<Option<PathBuf>, Error> {
        let path = directory.join(FILE);
        let held = std::fs::read_to_string(&path).ok();
        let ours = held.as_ref().is_none_or(|text| text.starts_with(MARK));
        let fail = |source| Error::Write {
            path: path.clone(),
            source,
        };
        if !ours {
            // The user's own file of that name is not ours to change.
            return if self.is_empty() {
                Ok(None)
            } else {
                Err(fail(std::io::Error::new(
                    std::io::ErrorKind::AlreadyExists,
                    "a file of that name exists and was not written by docker offline; rename it",
                )))
            };
        }
        if self.is_empty() {
            if held.is_some() {
                std::fs::remove_file(&path).map_err(fail)?;
            }
            return Ok(None);
        }
        let body = serde_yaml::to_string(&json!({"services": self.services}))
            .map_err(|e| fail(std::io::Error::other(e)))?;
        std::fs::create_dir_all(directory).map_err(fail)?;
        let text = format!("{MARK}\n# Give it to Compose as the last -f.\n{body}");
        if held.as_deref() != Some(&text) {
            crate::layout::replace_file(&path, text.as_bytes())
                .map_err(|e| fail(std::io::Error::other(e)))?;
        }
        Ok(Some(path))
    }
}
