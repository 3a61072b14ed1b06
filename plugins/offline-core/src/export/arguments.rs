//! Build arguments and proxies that an export is given.

use std::collections::BTreeMap;

use super::ExportOptions;
use crate::closure::{Closure, is_predefined};
use crate::event::Warning;

/// The arguments of a proxy, in both cases: tools differ in which they read.
const OF_A_PROXY: [&str; 4] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"];

/// What builds are given here. Proxies are no part of keys (fact 7), and the
/// site has none of them.
pub(super) fn given(options: &ExportOptions) -> BTreeMap<String, String> {
    let mut all = options.build_args.clone();
    if let Some(proxy) = &options.http_proxy {
        for name in OF_A_PROXY {
            all.entry(name.to_owned()).or_insert_with(|| proxy.clone());
        }
    }
    all
}

/// What the site must give its builds too.
pub(super) fn carried(options: &ExportOptions) -> BTreeMap<String, String> {
    let mut all = options.build_args.clone();
    all.retain(|name, _| !is_predefined(name));
    all
}

/// Arguments that no build takes, and proxies that become part of keys.
pub(super) fn warnings(options: &ExportOptions, closure: &Closure) -> Vec<Warning> {
    let builds = || closure.services.iter().filter_map(|s| s.build.as_ref());
    let mut all: Vec<Warning> = carried(options)
        .into_keys()
        .filter(|name| !builds().any(|build| build.takes(name)))
        .map(|name| Warning {
            what: format!("no Dockerfile declares the build argument {name}: it changes nothing"),
            subject: Some(format!("--build-arg {name}")),
            why: None,
            remedy: Some(format!(
                "correct the name, or write ARG {name} where it is used"
            )),
        })
        .collect();
    for name in given(options).keys().filter(|name| is_predefined(name)) {
        let declared = builds().find_map(|b| Some((b, b.declares(name)?)));
        if let Some((build, line)) = declared {
            all.push(Warning {
                what: format!("the steps after ARG {name} will miss their cache on the site"),
                subject: Some(format!("{}:{line}", build.dockerfile_path.display())),
                why: Some("a proxy argument is part of a step's key where the Dockerfile declares it, and the site has no proxy".into()),
                remedy: Some(format!("take the line away: every build has {name} without it")),
            });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::closure;
    use crate::dockerfile::Platform;
    use crate::project::from_config;

    #[test]
    fn what_is_carried_and_what_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let text = "FROM debian\nARG A=1 B\nARG https_proxy\nRUN true\n";
        let config = serde_json::json!({"name": "p", "services": {
            "web": {"build": {"context": folder.path(), "dockerfile_inline": text}},
        }});
        let file = folder.path().join("compose.yaml");
        let mut project = from_config(&config.to_string(), &[file]).unwrap();
        let pairs = [("B", "2"), ("C", "3"), ("NO_PROXY", "x")];
        let options = ExportOptions {
            build_args: pairs.map(|(k, v)| (k.into(), v.into())).into(),
            http_proxy: Some("http://proxy:3128".into()),
            ..ExportOptions::default()
        };
        project.set_arguments(&given(&options));
        let args = &project.services[0].build.as_ref().unwrap().args;
        assert_eq!(args["HTTPS_PROXY"].as_deref(), Some("http://proxy:3128"));
        assert_eq!(args["B"].as_deref(), Some("2"));
        let kept: Vec<String> = carried(&options).into_keys().collect();
        assert_eq!(kept, ["B", "C"]);
        let platform: Platform = "linux/amd64".parse().unwrap();
        let closure = closure::resolve(&project, &[], &platform).unwrap();
        let said = warnings(&options, &closure);
        assert_eq!(said.len(), 2, "{said:?}");
        assert_eq!(said[0].subject.as_deref(), Some("--build-arg C"));
        assert!(
            said[1]
                .subject
                .as_ref()
                .unwrap()
                .ends_with("compose.yaml:3")
        );
    }
}
