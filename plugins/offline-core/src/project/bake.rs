//! The bake definition of a build, as Compose itself gives it to buildx.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{BuildContext, BuildTarget, DockerfileSource, NamedContext, SecretSource};

/// Whose build a bake target is.
#[derive(Debug, Clone, Copy)]
pub struct BakeIdentity<'a> {
    /// The project's name.
    pub project: &'a str,
    /// The service's name.
    pub service: &'a str,
    /// The image's name as Compose tags it.
    pub image: &'a str,
    /// Compose's version, for its label; left out where not known.
    pub compose_version: Option<&'a str>,
}

impl BuildTarget {
    /// The target that `docker compose build --print` prints for this build.
    ///
    /// `target_of` maps a service to the name of its bake target, for contexts
    /// that are other services. Labels, tags and platforms are not part of the
    /// cache keys of steps; args, network, contexts, secrets' ids and ulimits
    /// are. Source: `prepareBakeBuild` in compose's `pkg/compose/build_bake.go`
    /// (2.40).
    pub fn bake_target(
        &self,
        identity: &BakeIdentity<'_>,
        target_of: impl Fn(&str) -> String,
    ) -> Value {
        let mut target = Map::new();
        let mut put = |key: &str, value: Value| {
            let empty = match &value {
                Value::Null | Value::Bool(false) => true,
                Value::String(text) => text.is_empty(),
                Value::Array(list) => list.is_empty(),
                Value::Object(map) => map.is_empty(),
                Value::Bool(true) | Value::Number(_) => false,
            };
            if !empty {
                target.insert(key.to_owned(), value);
            }
        };
        put("context", json!(self.context_text()));
        let contexts: BTreeMap<&String, String> = self
            .additional_contexts
            .iter()
            .map(|(name, context)| (name, context_text(context, &target_of)))
            .collect();
        put("contexts", json!(contexts));
        match &self.dockerfile {
            DockerfileSource::File(path) => put("dockerfile", json!(self.dockerfile_path(path))),
            DockerfileSource::Inline(text) => put("dockerfile-inline", json!(escape(text))),
        }
        let args: BTreeMap<&String, String> = self
            .args
            .iter()
            .filter_map(|(name, value)| Some((name, escape(value.as_deref()?))))
            .collect();
        put("args", json!(args));
        put("labels", json!(self.image_labels(identity)));
        let tags: Vec<&str> = self
            .tags
            .iter()
            .map(String::as_str)
            .chain([identity.image])
            .collect();
        put("tags", json!(tags));
        put("cache-from", json!(self.cache_from));
        put("cache-to", json!(self.cache_to));
        put("target", json!(self.target));
        put("secret", json!(self.secret_texts()));
        put("ssh", json!(self.ssh_texts()));
        put("platforms", json!(self.platforms));
        put("pull", json!(self.pull));
        put("no-cache", json!(self.no_cache));
        put("no-cache-filter", json!(self.no_cache_filter));
        put("network", json!(self.network));
        put("shm-size", json!(self.shm_size));
        put("ulimits", json!(self.ulimit_texts()));
        let mut entitlements = self.entitlements.clone();
        if self.privileged {
            entitlements.push("security.insecure".into());
        }
        put("entitlements", json!(entitlements));
        let hosts: BTreeMap<&String, String> = self
            .extra_hosts
            .iter()
            .map(|(host, addresses)| (host, addresses.join(",")))
            .collect();
        put("extra-hosts", json!(hosts));
        let output = if self.platforms.len() > 1 {
            "type=image,push=false"
        } else {
            "type=docker"
        };
        put("output", json!([output]));
        put("attest", json!(self.attestations()));
        Value::Object(target)
    }

    /// What a bake target says of secrets and of keys.
    pub(crate) fn credentials(&self) -> Vec<(&'static str, Value)> {
        let all = [("secret", self.secret_texts()), ("ssh", self.ssh_texts())];
        let given = all.into_iter().filter(|(_, texts)| !texts.is_empty());
        given.map(|(key, texts)| (key, json!(texts))).collect()
    }

    fn context_text(&self) -> String {
        match &self.context {
            BuildContext::Directory(path) => path.display().to_string(),
            BuildContext::Remote(url) => url.clone(),
        }
    }

    /// The folder of the Dockerfile with its symbolic links followed, the file
    /// itself not, as `dockerFilePath` does.
    fn dockerfile_path(&self, path: &Path) -> PathBuf {
        if matches!(self.context, BuildContext::Remote(_)) {
            return path.to_owned();
        }
        let resolved = path.parent().and_then(|p| p.canonicalize().ok());
        match (resolved, path.file_name()) {
            (Some(folder), Some(name)) => folder.join(name),
            _ => path.to_owned(),
        }
    }

    /// The labels that Compose gives the image, its own among them.
    pub(crate) fn image_labels<'a>(
        &'a self,
        identity: &BakeIdentity<'a>,
    ) -> BTreeMap<&'a str, &'a str> {
        let mut labels: BTreeMap<&str, &str> = self
            .labels
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        if let Some(version) = identity.compose_version {
            labels.insert("com.docker.compose.version", core_version(version));
        }
        labels.insert("com.docker.compose.project", identity.project);
        labels.insert("com.docker.compose.service", identity.service);
        labels
    }

    fn secret_texts(&self) -> Vec<String> {
        let text = |id: &str, source: &SecretSource| match source {
            SecretSource::Environment(name) => format!("id={id},type=env,env={name}"),
            SecretSource::File(path) => format!("id={id},type=file,src={}", path.display()),
        };
        self.secrets
            .iter()
            .map(|s| text(&s.id, &s.source))
            .collect()
    }

    /// Compose writes `id=path`, with nothing after `=` for an agent.
    fn ssh_texts(&self) -> Vec<String> {
        let text = |s: &String| {
            if s.contains('=') {
                s.clone()
            } else {
                format!("{s}=")
            }
        };
        self.ssh.iter().map(text).collect()
    }

    fn ulimit_texts(&self) -> Vec<String> {
        self.ulimits
            .iter()
            .map(|(name, limit)| {
                if limit.soft == limit.hard && limit.soft > 0 {
                    format!("{name}={}", limit.soft)
                } else {
                    format!("{name}={}:{}", limit.soft, limit.hard)
                }
            })
            .collect()
    }

    fn attestations(&self) -> Vec<String> {
        let wanted = [("provenance", &self.provenance), ("sbom", &self.sbom)];
        wanted
            .into_iter()
            .filter_map(|(kind, value)| match value.as_deref() {
                None | Some("false") => None,
                Some("true") => Some(format!("type={kind}")),
                Some(options) => Some(format!("type={kind},{options}")),
            })
            .collect()
    }
}

/// `2.40.3` of `v2.40.3-3`, as Compose labels images (`pkg/api/api.go`): packages of
/// distributions add their own number.
fn core_version(version: &str) -> &str {
    let version = version.strip_prefix('v').unwrap_or(version);
    version.split(['-', '+']).next().unwrap_or(version)
}

fn context_text(context: &NamedContext, target_of: &impl Fn(&str) -> String) -> String {
    match context {
        NamedContext::Image(image) => format!("docker-image://{}", image.familiar()),
        NamedContext::Service(name) => format!("target:{}", target_of(name)),
        NamedContext::Directory(path) => path.display().to_string(),
        NamedContext::OciLayout(layout) => format!("oci-layout://{layout}"),
        NamedContext::Remote(url) => url.clone(),
    }
}

/// Bake expands `${...}` in its files.
pub(crate) fn escape(text: &str) -> String {
    text.replace("${", "$${")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::from_config;

    /// `docker compose config` and `docker compose build --print` of Compose
    /// 2.40.3 on one project.
    const CONFIG: &str = r#"{"name": "bk",
      "secrets": {"env": {"name": "bk_env", "environment": "TOKEN"}, "tok": {"name": "bk_tok", "file": "/p/tok"}},
      "services": {
        "base": {"build": {"context": "/p", "dockerfile": "Dockerfile"}},
        "web.x": {
          "build": {
            "context": "/p", "dockerfile": "Dockerfile", "entitlements": ["network.host"],
            "args": {"A": "xy$$z", "B": "$${HOME}"}, "ssh": ["default"], "labels": {"l": "v"},
            "cache_from": ["me/web"], "no_cache": true, "pull": true, "network": "host", "target": "run",
            "additional_contexts": {"b": "service:base", "d": "/p/d", "i": "docker-image://alpine:3"},
            "extra_hosts": ["h=1.2.3.4", "h=1.2.3.5"],
            "secrets": [{"source": "tok"}, {"source": "env", "target": "k"}],
            "shm_size": "67108864", "tags": ["me/web:2"], "privileged": true,
            "ulimits": {"nofile": {"soft": 5, "hard": 9}, "nproc": 5}
          },
          "image": "me/web", "platform": "linux/amd64"
        },
        "inl": {"build": {"context": "/p", "dockerfile_inline": "FROM a\nRUN echo $$HOME $${X}\n"}}
      }}"#;
    const PRINTED: &str = r#"{
      "inl": {"context": "/p", "dockerfile-inline": "FROM a\nRUN echo $HOME $${X}\n",
        "labels": {"com.docker.compose.project": "bk", "com.docker.compose.service": "inl", "com.docker.compose.version": "2.40.3"},
        "tags": ["bk-inl"], "output": ["type=docker"]},
      "web.x": {"context": "/p",
        "contexts": {"b": "target:base", "d": "/p/d", "i": "docker-image://alpine:3"},
        "dockerfile": "/p/Dockerfile", "args": {"A": "xy$z", "B": "$${HOME}"},
        "labels": {"com.docker.compose.project": "bk", "com.docker.compose.service": "web.x", "com.docker.compose.version": "2.40.3", "l": "v"},
        "tags": ["me/web:2", "me/web"], "cache-from": ["me/web"], "target": "run",
        "secret": ["id=tok,type=file,src=/p/tok", "id=k,type=env,env=TOKEN"], "ssh": ["default="],
        "platforms": ["linux/amd64"], "pull": true, "no-cache": true, "network": "host",
        "shm-size": "67108864", "ulimits": ["nofile=5:9", "nproc=5"],
        "entitlements": ["network.host", "security.insecure"], "extra-hosts": {"h": "1.2.3.4,1.2.3.5"},
        "output": ["type=docker"]}
      }"#;

    #[test]
    fn is_what_compose_prints() {
        let project = from_config(CONFIG, &["/p/compose.yaml".into()]).unwrap();
        let printed: Value = serde_json::from_str(PRINTED).unwrap();
        for (service, image) in [("inl", "bk-inl"), ("web.x", "me/web")] {
            let build = project.service(service).unwrap().build.as_ref().unwrap();
            let identity = BakeIdentity {
                project: "bk",
                service,
                image,
                compose_version: Some("v2.40.3-3"),
            };
            let target = build.bake_target(&identity, |name| name.replace('.', "_"));
            assert_eq!(target, printed[service], "{service}");
        }
    }
}
