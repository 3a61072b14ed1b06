//! From what Compose prints to the project's own types.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::resolved::{ResolvedBuild, ResolvedProject, ResolvedSecret, ResolvedService, text_of};
use super::source_lines::Sources;
use super::{
    BuildContext, BuildSecret, BuildTarget, DockerfileSource, Error, NamedContext, RunNeeds,
    SecretSource, Service, Starts, Ulimit, Unset,
};
use crate::reference::ImageReference;

/// Everything a service is converted with.
pub(super) struct Converter<'a> {
    pub(super) project: &'a ResolvedProject,
    pub(super) directory: &'a Path,
    pub(super) sources: &'a Sources,
    pub(super) unset: &'a [String],
}

impl Converter<'_> {
    pub(super) fn service(&self, name: &str, from: &ResolvedService) -> Result<Service, Error> {
        let given = from.image.as_deref().filter(|i| !i.is_empty());
        let default_name = format!("{}-{name}", self.project.name);
        let image = match given {
            Some(text) => Some(self.reference(name, &["image"], text)?),
            // A key that is there but empty comes from an unset variable.
            None if from.image.is_some() && from.build.is_none() => {
                Some(self.reference(name, &["image"], "")?)
            }
            None if from.build.is_some() => {
                Some(self.reference(name, &["image"], &default_name)?)
            }
            None => None,
        };
        let mut build = from
            .build
            .as_ref()
            .map(|b| self.build(name, b))
            .transpose()?;
        let platform = from.platform.clone().filter(|p| !p.is_empty());
        // As Compose's `applyPlatforms`: what is run on one platform is built
        // for it.
        if let (Some(build), Some(platform)) = (&mut build, &platform)
            && build.platforms.is_empty()
        {
            build.platforms.push(platform.clone());
        }
        let image_volumes = from
            .volumes
            .iter()
            .filter(|v| v["type"] == "image")
            .filter_map(|v| v["source"].as_str())
            .map(|text| self.reference(name, &["volumes"], text))
            .collect::<Result<_, _>>()?;
        Ok(Service {
            name: name.to_owned(),
            image: image.filter(|_| from.provider.is_none()),
            image_is_explicit: given.is_some(),
            build,
            pull_policy: from.pull_policy.clone(),
            platform,
            depends_on: from.depends_on.clone(),
            image_volumes,
            run: RunNeeds::of(from, self.directory),
            starts: Starts::of(name, from, self.project, self.directory, self.sources),
            location: self.sources.key(&["services", name]),
        })
    }

    fn reference(&self, service: &str, keys: &[&str], text: &str) -> Result<ImageReference, Error> {
        ImageReference::parse(text).map_err(|source| {
            let path: Vec<&str> = ["services", service].iter().chain(keys).copied().collect();
            Error::Reference {
                service: service.to_owned(),
                key: keys.join("."),
                location: self.sources.key(&path),
                unset: Box::new(Unset::of(self.unset, self.sources)),
                source: Box::new(source),
            }
        })
    }

    fn build(&self, service: &str, from: &ResolvedBuild) -> Result<BuildTarget, Error> {
        let context_text = from.context.as_deref().unwrap_or(".");
        let context = if is_remote(context_text) {
            BuildContext::Remote(context_text.to_owned())
        } else {
            BuildContext::Directory(self.directory.join(context_text))
        };
        let dockerfile = match (&from.dockerfile_inline, &context) {
            (Some(text), _) if !text.is_empty() => DockerfileSource::Inline(text.clone()),
            (_, context) => {
                let name = Path::new(from.dockerfile.as_deref().unwrap_or("Dockerfile"));
                DockerfileSource::File(match context {
                    BuildContext::Directory(folder) => folder.join(name).components().collect(),
                    BuildContext::Remote(_) => name.to_owned(),
                })
            }
        };
        let additional_contexts = from
            .additional_contexts
            .iter()
            .map(|(name, value)| {
                let value = value.as_deref().unwrap_or_default();
                Ok((name.clone(), self.named_context(service, value)?))
            })
            .collect::<Result<_, Error>>()?;
        let present = |text: &Option<String>| text.clone().filter(|t| !t.is_empty());
        let key = match dockerfile {
            DockerfileSource::Inline(_) => "dockerfile_inline",
            DockerfileSource::File(_) => "dockerfile",
        };
        let path = ["services", service, "build", key];
        let inline_offset = match dockerfile {
            DockerfileSource::Inline(_) => self.sources.exact_key(&path).and_then(|l| l.line),
            DockerfileSource::File(_) => None,
        };
        Ok(BuildTarget {
            location: self.sources.key(&path),
            inline_offset: inline_offset.unwrap_or(0),
            context,
            dockerfile,
            args: from.args.clone(),
            target: present(&from.target),
            additional_contexts,
            network: present(&from.network),
            secrets: self.secrets(&from.secrets),
            ssh: ssh(&from.ssh),
            platforms: from.platforms.clone(),
            extra_hosts: extra_hosts(&from.extra_hosts),
            shm_size: present(&from.shm_size).filter(|s| s != "0"),
            ulimits: from
                .ulimits
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), ulimit(value)?)))
                .collect(),
            labels: from
                .labels
                .iter()
                .map(|(k, v)| (k.clone(), v.clone().unwrap_or_default()))
                .collect(),
            tags: from.tags.clone(),
            entitlements: from.entitlements.clone(),
            privileged: from.privileged,
            cache_from: from.cache_from.clone(),
            cache_to: from.cache_to.clone(),
            no_cache: from.no_cache,
            no_cache_filter: from.no_cache_filter.clone(),
            pull: from.pull,
            isolation: present(&from.isolation),
            provenance: present(&from.provenance),
            sbom: present(&from.sbom),
        })
    }

    fn named_context(&self, service: &str, value: &str) -> Result<NamedContext, Error> {
        Ok(if let Some(image) = value.strip_prefix("docker-image://") {
            let keys = ["build", "additional_contexts"];
            NamedContext::Image(self.reference(service, &keys, image)?)
        } else if let Some(other) = value.strip_prefix("service:") {
            NamedContext::Service(other.to_owned())
        } else if let Some(layout) = value.strip_prefix("oci-layout://") {
            NamedContext::OciLayout(layout.to_owned())
        } else if is_remote(value) || value.starts_with("target:") {
            NamedContext::Remote(value.to_owned())
        } else {
            NamedContext::Directory(self.directory.join(value))
        })
    }

    fn secrets(&self, from: &[Value]) -> Vec<BuildSecret> {
        from.iter()
            .filter_map(|entry| {
                let name = match entry {
                    Value::String(name) => name.as_str(),
                    other => other["source"].as_str()?,
                };
                let id = entry["target"]
                    .as_str()
                    .filter(|t| !t.is_empty())
                    .unwrap_or(name);
                let source = self.secret_source(self.project.secrets.get(name)?)?;
                Some(BuildSecret {
                    id: id.to_owned(),
                    name: name.to_owned(),
                    source,
                })
            })
            .collect()
    }

    fn secret_source(&self, from: &ResolvedSecret) -> Option<SecretSource> {
        let present = |text: &Option<String>| text.clone().filter(|t| !t.is_empty());
        present(&from.environment)
            .map(SecretSource::Environment)
            .or_else(|| {
                let file = PathBuf::from(present(&from.file)?);
                Some(SecretSource::File(self.directory.join(file)))
            })
    }
}

/// In order, since Compose has none for them.
fn ssh(from: &[String]) -> Vec<String> {
    let mut keys: Vec<String> = from.iter().map(|s| s.replacen(": ", "=", 1)).collect();
    keys.sort();
    keys
}

/// As compose-go's `isRemoteContext` decides, and anything with a scheme.
fn is_remote(text: &str) -> bool {
    text.contains("://") || text.starts_with("github.com/") || text.starts_with("git@")
}

/// A list of `host=address` or `host:address`, or a map.
fn extra_hosts(value: &Value) -> BTreeMap<String, Vec<String>> {
    let mut hosts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    match value {
        Value::Array(list) => {
            for entry in list.iter().filter_map(text_of) {
                let pair = entry.split_once('=').or_else(|| entry.split_once(':'));
                if let Some((host, address)) = pair {
                    hosts.entry(host.into()).or_default().push(address.into());
                }
            }
        }
        Value::Object(map) => {
            for (host, addresses) in map {
                let list = match addresses {
                    Value::Array(list) => list.iter().filter_map(text_of).collect(),
                    one => text_of(one).into_iter().collect(),
                };
                hosts.insert(host.clone(), list);
            }
        }
        _ => {}
    }
    hosts
}

fn ulimit(value: &Value) -> Option<Ulimit> {
    let number = |v: &Value| v.as_i64().or_else(|| v.as_str()?.parse().ok());
    match number(value) {
        Some(both) => Some(Ulimit {
            soft: both,
            hard: both,
        }),
        None => Some(Ulimit {
            soft: number(&value["soft"])?,
            hard: number(&value["hard"])?,
        }),
    }
}
