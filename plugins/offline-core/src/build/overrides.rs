use std::collections::BTreeMap;
use std::path::PathBuf;

use docker_compose_types::PullPolicy;

use super::Error;
use super::fetched::{Copies, Copy};
use crate::bundle::Record;
use crate::closure::Closure;
use crate::engine::Store;
use crate::project::{
    BuildChanges, BuildContext, BuildTarget, DockerfileSource, NamedContext, Project, SecretSource,
    ServiceChanges, mounted, rendered,
};
use crate::reference::ImageReference;

/// What Compose must know on this site and the project's own files do not say.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    services: BTreeMap<String, ServiceChanges>,
    /// By name, the files that stand in for absent secrets.
    secrets: BTreeMap<String, PathBuf>,
    /// Named contexts for digest pins: pin as a Dockerfile resolves it, image.
    pub(super) pins: BTreeMap<String, String>,
}

/// The project as this site builds it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Here<'a> {
    pub(super) project: &'a Project,
    /// Dockerfiles that take the place of the project's own.
    pub(super) copies: &'a Copies,
    pub(super) store: Store,
}

/// The digest pins that this engine cannot look up: on a graphdriver store all,
/// which loses digests on load; on a containerd store, which finds one by its tag,
/// those whose tag another image has (fact 10).
pub(super) fn unresolved_pins(closure: &Closure, store: Store) -> Vec<&ImageReference> {
    let all = || closure.images.iter().map(|image| &image.reference);
    let unresolved = |pin: &&ImageReference| {
        pin.digest().is_some() && (store == Store::Graphdriver || pin.shares_its_tag(all()))
    };
    all().filter(unresolved).collect()
}

/// Decides what this engine needs.
///
/// What `here` has otherwise than `project`, Compose is told.
pub(super) fn overrides(
    project: &Project,
    here: &Here<'_>,
    closure: &Closure,
    record: &Record,
) -> Overrides {
    let mut overrides = Overrides::default();
    let unresolved = unresolved_pins(closure, here.store);
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
        let mut changes = ServiceChanges::default();
        let adapted = here.project.service(&service.name);
        let adapted = adapted.and_then(|s| s.build.as_ref());
        if let (Some(build), Some(adapted)) = (&service.build, adapted) {
            let mut own = overrides.of_build(&service.name, build, adapted);
            from_copy(&mut own, here.copies.of(&service.name));
            overrides.add_pins(&mut own, closure, &service.name);
            own.args = arguments(closure, &service.name, record);
            changes.build = own;
        } else if let Some(image) = service.image.as_ref().filter(|i| unresolved.contains(i)) {
            changes.image = Some(image.load_name());
        }
        let asks = service.pull_policy.as_deref().is_some_and(goes_out);
        changes.pull_policy = asks.then_some(if service.build.is_some() {
            PullPolicy::Build
        } else {
            PullPolicy::Missing
        });
        changes.env_file = project.optional_env_files.get(&service.name).cloned();
        if changes != ServiceChanges::default() {
            overrides.services.insert(service.name.clone(), changes);
        }
    }
    overrides
}

/// A context that the bundle carries, with its Dockerfile, takes the place of one that the
/// build would fetch.
fn of_context(own: &mut BuildChanges, build: &BuildTarget, here: &BuildTarget) {
    let BuildContext::Directory(context) = &here.context else {
        return;
    };
    if build.context == here.context {
        return;
    }
    own.context = Some(context.clone());
    let DockerfileSource::File(file) = &here.dockerfile else {
        return;
    };
    own.dockerfile = Some(file.clone());
    if matches!(build.dockerfile, DockerfileSource::Inline(_)) {
        own.forgotten.insert("dockerfile_inline");
    }
}

/// A Dockerfile that reads what was fetched takes the place of the project's.
fn from_copy(own: &mut BuildChanges, copy: Option<&Copy>) {
    let Some(copy) = copy else { return };
    own.dockerfile = Some(copy.path.clone());
    if copy.inline {
        own.forgotten.insert("dockerfile_inline");
    }
}

/// The arguments of the export that a service's Dockerfile takes.
fn arguments(closure: &Closure, service: &str, record: &Record) -> BTreeMap<String, String> {
    let build = closure.service(service).and_then(|s| s.build.as_ref());
    let all = record.build_args.iter();
    all.filter(|(name, _)| build.is_some_and(|b| b.takes(name)))
        .map(|(name, value)| (name.clone(), value.clone()))
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
    /// What is another thing in a build here.
    fn of_build(&mut self, service: &str, build: &BuildTarget, here: &BuildTarget) -> BuildChanges {
        let mut own = BuildChanges::default();
        of_context(&mut own, build, here);
        if build.secrets != here.secrets {
            self.add_secrets(&mut own, service, build, here);
        }
        own.ssh = (build.ssh != here.ssh).then(|| here.ssh.clone());
        let others = here.additional_contexts.iter();
        let others = others
            .filter(|(name, context)| build.additional_contexts.get(*name) != Some(context))
            .filter_map(|(name, context)| match context {
                NamedContext::Directory(path) => {
                    Some((name.clone(), path.to_string_lossy().into_owned()))
                }
                _ => None,
            });
        own.additional_contexts.extend(others);
        own.platforms = (build.platforms != here.platforms).then(|| here.platforms.clone());
        for (key, is_out) in [
            ("cache_from", build.cache_from != here.cache_from),
            ("cache_to", build.cache_to != here.cache_to),
            ("sbom", build.sbom != here.sbom),
            ("provenance", build.provenance != here.provenance),
        ] {
            if is_out {
                own.forgotten.insert(key);
            }
        }
        own.pull = (build.pull != here.pull).then_some(here.pull);
        own
    }

    /// The list of a build's secrets. Those that are not here have a name of ours: the
    /// service may mount the real ones when it runs, and is to miss them then.
    fn add_secrets(
        &mut self,
        own: &mut BuildChanges,
        service: &str,
        build: &BuildTarget,
        here: &BuildTarget,
    ) {
        own.replaces_secrets = true;
        for (was, is) in build.secrets.iter().zip(&here.secrets) {
            let name = match &is.source {
                SecretSource::File(path) if was.source != is.source => {
                    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
                    let id = is.id.replace(|c| !allowed(c), "_");
                    let name = format!("docker_offline_{service}_{id}");
                    self.secrets.insert(name.clone(), path.clone());
                    name
                }
                _ => is.name.clone(),
            };
            own.secrets.push(mounted(&name, &is.id));
        }
    }

    /// The digest pins that a service uses, as contexts.
    fn add_pins(&self, own: &mut BuildChanges, closure: &Closure, service: &str) {
        let pins = self.pins.iter();
        let used = pins.filter(|(name, _)| uses(closure, service, name));
        let used = used.map(|(name, image)| (name.clone(), image.clone()));
        own.additional_contexts.extend(used);
    }

    /// Whether plain Compose needs nothing of us here.
    fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// What is changed, by service.
    pub(super) fn services(&self) -> &BTreeMap<String, ServiceChanges> {
        &self.services
    }

    /// The files that stand in for secrets, by the name that Compose is told.
    pub(super) fn secrets(&self) -> &BTreeMap<String, PathBuf> {
        &self.secrets
    }

    /// For `up --no-build`: an image that is built is taken as it is, and one that
    /// is missing is said to be, not looked for. docker-compose 1 knows no `!override`.
    pub(super) fn without_builds(&mut self, project: &Project, has_compose: bool) {
        if !has_compose {
            self.secrets.clear();
            for changes in self.services.values_mut() {
                changes.build = BuildChanges::default();
                changes.env_file = None;
            }
            self.services
                .retain(|_, changes| *changes != ServiceChanges::default());
        }
        for service in project.services.iter().filter(|s| s.build.is_some()) {
            let asks = |policy: &str| goes_out(policy) || policy == "build";
            if service.pull_policy.as_deref().is_some_and(asks) {
                let changes = self.services.entry(service.name.clone()).or_default();
                changes.pull_policy = Some(PullPolicy::Missing);
            }
        }
    }

    /// The text for Compose; `None` where it needs to know nothing.
    pub(super) fn text(&self) -> Result<Option<String>, Error> {
        if self.is_empty() {
            return Ok(None);
        }
        let rendered = rendered(&self.services, &self.secrets);
        rendered.map(Some).map_err(|error| Error::Write {
            path: "compose.override.yaml".into(),
            source: std::io::Error::other(error),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::adapt::adapt;
    use crate::build::placeholders::with_placeholders;
    use crate::closure::absent_inputs;
    use crate::project::from_config;

    #[test]
    fn compose_is_told_all_that_a_build_here_has_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        std::fs::write(folder.path().join("Dockerfile"), "FROM a\n").unwrap();
        let config = format!(
            r#"{{"name": "p", "secrets": {{"conf": {{"file": "{path}/gone"}}, "there": {{"file": "{path}/Dockerfile"}}}},
              "services": {{"api": {{"pull_policy": "every_12h", "build": {{"context": "{path}",
                "ssh": ["k={path}/gone"], "secrets": [{{"source": "conf", "target": "c"}}, "there"],
                "additional_contexts": {{"unused": "{path}/gone"}}, "cache_from": ["r/x"], "cache_to": ["r/x"],
                "platforms": ["linux/amd64", "linux/arm64"], "sbom": true, "provenance": true, "pull": true}}}}}}}}"#
        );
        let project = from_config(&config, &[folder.path().join("compose.yaml")]).unwrap();
        let platform = "linux/amd64".parse().unwrap();
        let closure = crate::closure::resolve(&project, &[], &platform).unwrap();
        let store = Store::Graphdriver;
        let absent = absent_inputs(&project, &closure);
        let place = folder.path().join("p");
        let mut adapted = with_placeholders(&project, &absent, &place).unwrap();
        adapt(&mut adapted, &closure, store);
        let here = Here {
            project: &adapted,
            copies: &Copies::default(),
            store,
        };
        let told = overrides(&project, &here, &closure, &Record::default());
        let p = place.display();
        let text = told.text().unwrap().unwrap();
        let read: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        let expected = format!(
            r#"{{"pull_policy": "build", "build": {{
                "secrets": !override [{{"source": "docker_offline_api_c", "target": "c"}}, {{"source": "there", "target": "there"}}],
                "ssh": !override ["k={p}/1/key.pem"],
                "additional_contexts": {{"unused": "{p}/2/empty"}},
                "platforms": !override ["linux/amd64"],
                "cache_from": !reset null, "cache_to": !reset null,
                "sbom": !reset null, "provenance": !reset null, "pull": false}}}}"#
        );
        let expected: serde_yaml::Value = serde_yaml::from_str(&expected).unwrap();
        assert_eq!(read["services"]["api"], expected);
        let secret = &told.secrets()["docker_offline_api_c"];
        assert!(secret.is_file() && secret.starts_with(&place));
    }
}
