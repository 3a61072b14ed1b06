//! How the recording proxy reaches the servers: as the builds themselves would.

use std::collections::BTreeMap;
use std::path::Path;

use offline_network::Upstream;
use serde::Deserialize;

use super::super::ExportOptions;
use crate::project::Project;

#[derive(Deserialize, Default)]
#[serde(default)]
struct DockerConfig {
    proxies: BTreeMap<String, BTreeMap<String, String>>,
}

/// A proxy elsewhere has a loopback of its own; a build on the host's network means the
/// host's.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// The proxies that builds are given, in the order in which docker lets one hide the
/// other: `--http-proxy`, build arguments of the project, those of this process
/// (which the export gives to builds), and `proxies` of the docker configuration.
pub(super) fn upstream(
    options: &ExportOptions,
    project: &Project,
    variable: impl Fn(&str) -> Option<String>,
) -> Upstream {
    let configured = options
        .docker_config
        .as_deref()
        .map(configured)
        .unwrap_or_default();
    let builds = || project.services.iter().filter_map(|s| s.build.as_ref());
    // The lower-case name is asked for first, and stands for both.
    let found = |name: &str| -> Option<String> {
        let (upper, lower) = (name.to_ascii_uppercase(), name.to_ascii_lowercase());
        let either = |of: &dyn Fn(&str) -> Option<String>| of(&lower).or_else(|| of(&upper));
        let given = |name: &str| builds().find_map(|build| build.args.get(name)?.clone());
        let proxy = options.http_proxy.clone().filter(|_| upper != "NO_PROXY");
        proxy
            .or_else(|| either(&given))
            .or_else(|| either(&variable))
            .or_else(|| configured.get(&upper).cloned())
            .filter(|value| !value.is_empty())
    };
    let found = Upstream::default().with_proxies(found);
    let named = found.no_proxy.iter().map(String::as_str);
    Upstream {
        ca_file: options.ca_file.clone(),
        no_proxy: Some(
            [LOOPBACK]
                .into_iter()
                .chain(named)
                .collect::<Vec<_>>()
                .join(","),
        ),
        ..found
    }
}

/// `proxies.default` of docker's `config.json`, by the names of the variables.
fn configured(folder: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read(folder.join("config.json")).unwrap_or_default();
    let config: DockerConfig = serde_json::from_slice(&text).unwrap_or_default();
    let default = config.proxies.get("default").cloned().unwrap_or_default();
    let names = [
        ("httpProxy", "HTTP_PROXY"),
        ("httpsProxy", "HTTPS_PROXY"),
        ("noProxy", "NO_PROXY"),
    ];
    let of = |(key, name): (&str, &str)| Some((name.to_owned(), default.get(key)?.clone()));
    names.into_iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::from_config;

    #[test]
    fn what_builds_are_given_is_what_the_recorder_uses() {
        let folder = tempfile::tempdir().unwrap();
        let config = r#"{"proxies":{"default":{"httpProxy":"http://c:1","httpsProxy":"http://c:2","noProxy":"n"}}}"#;
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        let project = |args: serde_json::Value| {
            let config = serde_json::json!({"name": "p", "services": {
                "web": {"build": {"context": folder.path(), "dockerfile_inline": "FROM a", "args": args}},
            }});
            from_config(&config.to_string(), &[folder.path().join("compose.yaml")]).unwrap()
        };
        let mut options = ExportOptions {
            docker_config: Some(folder.path().to_owned()),
            ..ExportOptions::default()
        };
        let of = |options: &ExportOptions, args| {
            let found = upstream(options, &project(args), |_| None);
            (
                found.https_proxy.unwrap_or_default(),
                found.no_proxy.unwrap_or_default(),
            )
        };
        assert_eq!(
            of(&options, serde_json::json!({})),
            ("http://c:2".into(), format!("{LOOPBACK},n"))
        );
        let args = serde_json::json!({"HTTPS_PROXY": "http://a:3"});
        assert_eq!(of(&options, args.clone()).0, "http://a:3");
        options.http_proxy = Some("http://o:4".into());
        assert_eq!(
            of(&options, args),
            ("http://o:4".into(), format!("{LOOPBACK},n"))
        );
    }
}
